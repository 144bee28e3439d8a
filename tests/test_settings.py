"""The environment: what is assumed where nothing is said, what a file may say, what is refused in one line."""

from pathlib import Path

import pytest

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store.keyring import new_master_key

DATABASE = "postgres://otae:secret@db.example.test/otae"
PUBLIC = "https://mdm.example.test"
ORIGIN = "must be an https:// origin without a path, such as https://mdm.example.org"


def test_alone_on_one_machine_nothing_needs_to_be_said() -> None:
    settings = Settings.load({})
    assert settings.home == Path("var")
    assert (settings.public_url, settings.host, settings.public_port) == ("https://localhost:8443", "127.0.0.1", 8443)
    assert (settings.embedded, settings.inline_worker, settings.trial) == (True, True, True)
    assert (settings.port, settings.trusted_hops) == (None, 0)
    assert settings.sealing_keys() == []


def test_a_public_name_is_listened_for_everywhere() -> None:
    settings = Settings.load({"PUBLIC_URL": f"{PUBLIC}/"})
    assert (settings.public_url, settings.host, settings.public_port) == (PUBLIC, "0.0.0.0", 443)
    assert not settings.trial
    assert Settings.load({"PUBLIC_URL": PUBLIC, "OTAE_HOST": "192.0.2.7"}).host == "192.0.2.7"


def test_a_host_with_sharp_s_is_its_own_domain() -> None:
    settings = Settings.load({"PUBLIC_URL": "https://Straße.example"})
    assert settings.public_url == "https://xn--strae-oqa.example"
    assert settings.public_host == "xn--strae-oqa.example"
    with pytest.raises(CannotStart, match="PUBLIC_URL: its host"):
        Settings.load({"PUBLIC_URL": "https://☃.example"})


def test_behind_a_router_its_own_entry_is_believed() -> None:
    settings = Settings.load({"PUBLIC_URL": "https://localhost:8443", "PORT": "5000"})
    assert (settings.port, settings.host, settings.trusted_hops) == (5000, "0.0.0.0", 1)
    assert settings.embedded
    assert Settings.load({"PUBLIC_URL": PUBLIC, "PORT": "5000", "OTAE_TRUSTED_HOPS": "0"}).trusted_hops == 0


def test_with_a_database_alone_the_worker_runs_inside() -> None:
    settings = Settings.load({"DATABASE_URL": DATABASE, "PUBLIC_URL": PUBLIC})
    assert (settings.embedded, settings.inline_worker) == (False, True)
    more = {"DATABASE_URL": DATABASE, "PUBLIC_URL": PUBLIC, "REDIS_URL": "redis://queue.example.test"}
    assert not Settings.load(more).inline_worker


def test_any_name_may_be_given_by_a_file(tmp_path: Path) -> None:
    key, file = new_master_key(), tmp_path / "key"
    file.write_text(f"{key}\n")
    settings = Settings.load({"OTAE_MASTER_KEYS_FILE": str(file)})
    assert [len(one) for one in settings.sealing_keys()] == [32]
    assert key not in repr(settings)
    with pytest.raises(CannotStart, match=r"OTAE_MASTER_KEYS_FILE: .*cannot be read"):
        Settings.load({"OTAE_MASTER_KEYS_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PORT": "5000"}, "PUBLIC_URL is required with PORT or DATABASE_URL: set it to the address people open"),
        (
            {"DATABASE_URL": DATABASE},
            "PUBLIC_URL is required with PORT or DATABASE_URL: set it to the address people open",
        ),
        (
            {"REDIS_URL": "redis://queue.example.test"},
            "REDIS_URL needs DATABASE_URL: separate processes cannot share the embedded database",
        ),
        (
            {"PUBLIC_URL": "http://mdm.example.test"},
            f"PUBLIC_URL: {ORIGIN}",
        ),
        (
            {"PUBLIC_URL": "https://mdm.example.test/otae"},
            f"PUBLIC_URL: {ORIGIN}",
        ),
        ({"PUBLIC_URL": "https://[::1"}, f"PUBLIC_URL: {ORIGIN}"),
        (
            {"PUBLIC_URL": "https://mdm.example.test:http"},
            "PUBLIC_URL: its port must be a whole number from 1 to 65535",
        ),
        ({"PUBLIC_URL": "https://mdm.example.test:0"}, "PUBLIC_URL: its port must be a whole number from 1 to 65535"),
        ({"PORT": "８０８０"}, "PORT: must be a whole number from 1 to 65535, not '８０８０'"),
        ({"PORT": "9" * 5000}, f"PORT: must be a whole number from 1 to 65535, not '{'9' * 40}'"),
        ({"OTAE_LOG_LEVEL": "loud"}, "OTAE_LOG_LEVEL: must be DEBUG, INFO, WARNING or ERROR, not 'loud'"),
        ({"PORT": "abc"}, "PORT: must be a whole number from 1 to 65535, not 'abc'"),
        ({"PORT": "5000.5"}, "PORT: must be a whole number from 1 to 65535, not '5000.5'"),
        ({"PORT": "0"}, "PORT: must be a whole number from 1 to 65535, not '0'"),
        (
            {"OTAE_DATABASE_CONNECTIONS": "many"},
            "OTAE_DATABASE_CONNECTIONS: must be a whole number from 2 to 200, not 'many'",
        ),
        (
            {"OTAE_DATABASE_CONNECTIONS": "1"},
            "OTAE_DATABASE_CONNECTIONS: must be a whole number from 2 to 200, not '1'",
        ),
        ({"OTAE_TRUSTED_HOPS": "-1"}, "OTAE_TRUSTED_HOPS: must be a whole number from 0 to 8, not '-1'"),
        ({"OTAE_ALLOW_PRIVATE": "maybe"}, "OTAE_ALLOW_PRIVATE: must be 1 (yes) or 0 (no), not 'maybe'"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_with_one_clear_line(environ: dict[str, str], words: str) -> None:
    with pytest.raises(CannotStart) as refused:
        Settings.load(environ)
    assert str(refused.value) == words


def test_what_a_file_holds_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("a secret in the wrong place")
    with pytest.raises(CannotStart) as refused:
        Settings.load({"PORT_FILE": str(file), "PUBLIC_URL": PUBLIC})
    assert str(refused.value) == "PORT: must be a whole number from 1 to 65535"


@pytest.mark.parametrize("keys", ["abc", "!" * 43, f"{'A' * 43},short"])
def test_a_key_out_of_form_is_not_repeated(keys: str) -> None:
    with pytest.raises(CannotStart, match="OTAE_MASTER_KEYS") as refused:
        Settings.load({"OTAE_MASTER_KEYS": keys}).sealing_keys()
    assert keys not in str(refused.value)
