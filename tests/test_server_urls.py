"""Addresses of servers as people paste them: what can be meant works, all else is one line that tells no secret."""

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from otae.errors import CannotStart
from otae.server_urls import database_address, redis_address
from otae.settings import Settings
from otae.tasks.broker import make_broker
from tests.reference import reference
from tests.test_cli import CommandLine, command  # noqa: F401 - a fixture

PUBLIC = "https://mdm.example.test"
SECRET = "s3cretWord"

DATABASES = [
    ("postgres://otae@127.0.0.1:5432abc/otae", "the port must be a number"),
    ("postgres://otae@127.0.0.1:99999/otae", "the port must be a number"),
    ("postgres://otae@127.0.0.1:0/otae", "the port must be a number"),
    ("postgres://otae@127.0.0.1:５４３２/otae", "the port must be a number"),
    ("postgres://otae@127.0.0.1/otae?sslrootcert=%00", "sslrootcert must be the path of a file"),
    (f"postgres://otae:{SECRET}/x@127.0.0.1/otae", "the port must be a number"),
    (f"postgres://otae:{SECRET}#x@127.0.0.1/otae", "must"),
    (f"postgres://otae:{SECRET}[x@127.0.0.1/otae", "percent-encode"),
    ("postgres://otae@/otae", "must look like"),
    ("postgres://otae@127.0.0.1", "must look like"),
    ("postgres://a:5432,b:5432/otae", "must look like"),
    ("mysql://otae@127.0.0.1/otae", "must look like"),
    ("127.0.0.1:5432/otae", "must look like"),
    (f"otae {SECRET}", "must look like"),
    ("postgres://otae@127.0.0.1/otae?sslmode=full", "sslmode is not known"),
    ("postgres://otae@127.0.0.1/otae?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
    (
        "postgres://otae@127.0.0.1/otae?sslmode=verify-full&sslrootcert=/nonexistent.pem",
        "sslrootcert: /nonexistent.pem cannot be read (No such file or directory)",
    ),
    (
        "postgres://otae@db.example.test/otae?sslrootcert=/nonexistent.pem",
        "sslrootcert: /nonexistent.pem cannot be read",
    ),
    ("postgres://otae@127.0.0.1/otae?sslmode=disable&sslrootcert=/nonexistent.pem", "cannot be read"),
    ("postgres://otae@127.0.0.1/otae?sslmode=verify-ca&sslrootcert=/etc/hostname", "holds no certificate in PEM"),
    ("postgres://otae@127.0.0.1/otae?sslmode=verify-ca&sslrootcert=/etc", "cannot be read"),
]

QUEUES = [
    ("127.0.0.1:6379", "must look like redis://"),
    ("http://127.0.0.1:6379", "must look like redis://"),
    ("redis://", "must look like redis://"),
    ("redis://127.0.0.1:63x9", "the port must be a number"),
    (f"redis://:{SECRET}/x@127.0.0.1:6379", "must look like redis://"),
    ("redis://127.0.0.1/first", "the number of a database"),
    ("rediss://127.0.0.1:6380?ssl_cert_reqs=maybe", "ssl_cert_reqs is not known"),
    ("rediss://127.0.0.1:6380?ssl_ca_certs=/nonexistent.pem", "cannot be read"),
    ("redis://[::1", "must look like redis://"),
]


@pytest.mark.parametrize(("url", "words"), DATABASES, ids=[url for url, _ in DATABASES])
def test_a_malformed_database_address_is_one_line_at_every_command(
    command: CommandLine,  # noqa: F811 - the fixture
    url: str,
    words: str,
) -> None:
    command.environment |= {"DATABASE_URL": url, "PUBLIC_URL": PUBLIC}
    for arguments in (("user", "list"), ("serve",), ("worker",), ("clock",), ("migrate",), ("doctor",)):
        told = command.refusal(*arguments)
        assert told.startswith("otae: DATABASE_URL: ")
        assert words in told
        assert SECRET not in told


@pytest.mark.parametrize(("url", "words"), QUEUES, ids=[url for url, _ in QUEUES])
def test_a_malformed_queue_address_is_one_line_at_every_command(
    command: CommandLine,  # noqa: F811 - the fixture
    url: str,
    words: str,
) -> None:
    command.environment |= {"DATABASE_URL": "postgres://otae@127.0.0.1/otae", "PUBLIC_URL": PUBLIC, "REDIS_URL": url}
    for arguments in (("user", "list"), ("serve",), ("worker",), ("clock",)):
        told = command.refusal(*arguments)
        assert told.startswith("otae: REDIS_URL: ")
        assert words in told
        assert SECRET not in told


def test_the_addresses_somebody_tried_are_one_line_or_work(command: CommandLine) -> None:  # noqa: F811 - the fixture
    for line in reference("inputs/database-urls.txt").read_text().splitlines():
        name, _, value = line.rpartition("REDIS_URL=") if line.startswith("REDIS") else ("DATABASE_URL", "", line)
        given = {"DATABASE_URL": "postgres://otae@127.0.0.1:1/otae", "PUBLIC_URL": PUBLIC, name or "REDIS_URL": value}
        command.environment |= given
        assert len(command.refusal("user", "list")) < 300
        command.environment.pop("REDIS_URL", None)


def test_authorities_that_are_named_are_asked_also_where_tls_is_only_required(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0]))
    for mode in ("", "&sslmode=require"):
        address = database_address(f"postgres://otae@db.example.test/otae?sslrootcert={file}{mode}")
        assert address.tls == "verify-ca"
        assert not isinstance(address.tls_context(), str)
    assert database_address("postgres://otae@db.example.test/otae?sslmode=require").tls == "require"


def test_what_can_be_meant_works() -> None:
    address = database_address("postgresql://o%40tae:p%2Fw@[::1]:6432/my%20base?sslmode=disable&application_name=x")
    assert (address.host, address.port, address.user, address.password) == ("::1", 6432, "o@tae", "p/w")
    assert (address.name, address.tls) == ("my base", "disable")
    assert "p/w" not in repr(address)
    assert database_address("postgres://otae@db.example.test/otae").tls == "require"
    assert database_address("postgres://otae@localhost/otae").tls == "allow"
    system = database_address("postgres://otae@db.example.test/otae?sslrootcert=system")
    assert system.tls == "verify-full"
    assert not isinstance(system.tls_context(), str)


@pytest.mark.parametrize(
    ("given", "taken"),
    [("", "none"), ("?ssl_cert_reqs=CERT_NONE", "none"), ("?ssl_cert_reqs=CERT_REQUIRED", "required")],
)
def test_a_queue_with_tls_checks_the_certificate_only_when_asked(given: str, taken: str) -> None:
    url = redis_address(f"rediss://h:pw@127.0.0.1:6380{given}")
    assert urlsplit(url).query == f"ssl_cert_reqs={taken}"
    environ = {"DATABASE_URL": "postgres://otae@127.0.0.1/otae", "PUBLIC_URL": PUBLIC, "REDIS_URL": url}
    make_broker(Settings.load(environ))


def test_an_option_that_the_queue_does_not_know_is_one_line() -> None:
    environ = {
        "DATABASE_URL": "postgres://otae@127.0.0.1/otae",
        "PUBLIC_URL": PUBLIC,
        "REDIS_URL": "redis://127.0.0.1?colour=red",
    }
    with pytest.raises(CannotStart, match="REDIS_URL: an option"):
        make_broker(Settings.load(environ))


def test_a_file_that_is_no_text_and_a_home_that_is_no_folder_are_one_line(
    command: CommandLine,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    (tmp_path / "value").write_bytes(b"\xff\xfe\x00")
    command.environment |= {"OTAE_METRICS_TOKEN_FILE": str(tmp_path / "value")}
    assert "holds no text in UTF-8" in command.refusal("user", "list")
    del command.environment["OTAE_METRICS_TOKEN_FILE"]
    for home in (tmp_path / "value", tmp_path / "value" / "below"):
        command.environment["OTAE_HOME"] = str(home)
        for arguments in (("user", "list"), ("migrate",), ("serve",)):
            assert "OTAE_HOME" in command.refusal(*arguments)


@pytest.mark.slow
def test_the_database_is_its_owners_alone_whatever_the_folder_allows(
    command: CommandLine,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    home = tmp_path / "open"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    command.environment["OTAE_HOME"] = str(home)
    before = os.umask(0)
    try:
        assert command.run("migrate").returncode == 0
        (home / "otae.sqlite3").chmod(0o666)
        assert command.run("user", "list").returncode == 0
    finally:
        os.umask(before)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in home.glob("otae.sqlite3*")} == {
        path.name: "0o600" for path in home.glob("otae.sqlite3*")
    }
