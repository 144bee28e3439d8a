"""A real PostgreSQL on a free port, with TLS and passwords, for as long as the tests run.

The system's own binaries are preferred; without them the bundled ones serve, which know no TLS.
"""

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from tests.servers.ports import Identity, free_port, server_folder, wait_until

#: Every host connection is TLS where the server can: a client that would talk in clear is turned away.
HBA = "local all all scram-sha-256\n{kind} all all 127.0.0.1/32 scram-sha-256\n"
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 100
max_wal_size = 96MB
min_wal_size = 32MB
timezone = 'UTC'
"""
TLS_SETTINGS = "ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n"


def system_binaries() -> Path | None:
    """Find the newest installed server's folder of programs, the Debian way or on PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if debian:
        return debian[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found and shutil.which("postgres") else None


def bundled_binaries() -> Path | None:
    """Find the programs of the test extra's own PostgreSQL; there is none for Python 3.13 and later."""
    import importlib.util  # noqa: PLC0415 - only needed where the system has no server

    found = importlib.util.find_spec("pgserver")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "pginstall" / "bin"


def unprivileged_user() -> str | None:
    """Name the user PostgreSQL must run as: it refuses to run as root. None when the tests are not root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue  # no such user here: try the next
    pytest.skip("PostgreSQL does not run as root and there is no other user")


@dataclass
class PostgresServer:
    """A running server; ``ca_file`` is the authority of its certificate, None when it cannot speak TLS."""

    binaries: Path
    port: int
    user: str
    password: str
    ca_file: Path | None

    @property
    def tls(self) -> bool:
        """Whether the server speaks TLS (and then refuses anything else)."""
        return self.ca_file is not None

    def url(self, database: str = "postgres") -> str:
        """Give ``postgres://user:password@127.0.0.1:port/database``, as a PaaS hands it out."""
        return f"postgres://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def run_sql(self, sql: str, database: str = "postgres") -> str:
        """Run SQL as the owner through psql and return the bare, unaligned rows."""
        return self.run("psql", "-XqtA", "-v", "ON_ERROR_STOP=1", "-c", sql, database=database)

    def run(self, program: str, *arguments: str, database: str) -> str:
        """Run one of PostgreSQL's client programs as the owner on a database and return what it prints."""
        command = self._command(program, *arguments, database=database)
        done = subprocess.run(command, env=self._environment(), check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    def _command(self, program: str, *arguments: str, database: str) -> list[str]:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user, "-d", database]
        return [str(self.binaries / program), *where, *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PGPASSWORD": self.password,
            "PGSSLMODE": "verify-ca" if self.tls else "disable",
            "PGSSLROOTCERT": str(self.ca_file or ""),
        }

    def fresh(self, template: str = "template1") -> str:
        """Create a new database (a copy of ``template``, empty by default) and return its URL."""
        name = f"t{secrets.token_hex(6)}"
        self._tell(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {self.copying}')
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database made by ``fresh``, cutting whoever is still connected."""
        self._tell(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')

    @contextmanager
    def limited(self, url: str, most: int) -> Iterator[str]:
        """Give the address of the same database for a role that may have so many connections, until the block ends."""
        name, role, password = url.rpartition("/")[2], f"r{secrets.token_hex(6)}", secrets.token_hex(8)
        grants = "; ".join(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {role}" for kind in ("TABLES", "SEQUENCES"))
        self.run_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{password}' CONNECTION LIMIT {most}; {grants}", name)
        yield f"postgres://{role}:{password}@127.0.0.1:{self.port}/{name}"
        self.run_sql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}", name)

    @cached_property
    def copying(self) -> str:
        """How a database is copied: by its files, which takes half the time, where the server lets one choose."""
        return "STRATEGY FILE_COPY" if int(self.run_sql("SHOW server_version_num")) >= 150000 else ""

    @cached_property
    def _session(self) -> "subprocess.Popen[str]":
        """Keep one psql open for what each test asks for: starting one takes longer than the answer."""
        command = self._command("psql", "-XqtA", "-v", "ON_ERROR_STOP=1", database="postgres")
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self._environment(), text=True, stdin=pipe, stdout=pipe, stderr=pipe)

    def _tell(self, sql: str) -> None:
        session = self._session
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write(f"{sql};\n\\echo done\n")
        session.stdin.flush()
        if session.stdout.readline() != "done\n":
            del self.__dict__["_session"]
            raise RuntimeError(session.communicate()[1].strip())

    def hang_up(self) -> None:
        """End the session that is kept, if there is one."""
        if (session := self.__dict__.pop("_session", None)) is not None:
            session.communicate()


def speaks_tls(binaries: Path) -> bool:
    """Say whether the server was built with OpenSSL: only then its pg_config names it."""
    done = subprocess.run([str(binaries / "pg_config"), "--configure"], check=False, capture_output=True, text=True)
    # Debian keeps pg_config in another package and builds with OpenSSL always.
    return done.returncode != 0 or "ssl" in done.stdout


def has_tls(binaries: Path) -> bool:
    """Say whether these programs were built with TLS."""
    return not (binaries / "pg_config").exists() or speaks_tls(binaries)


def prepare(data: Path, binaries: Path, port: int, password: str, identity: Identity | None, user: str | None) -> None:
    """Make the database cluster in ``data`` and write how it listens and whom it believes."""
    folder = data.parent
    password_file = folder / "password"
    password_file.write_text(password)
    if user is not None:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
    options = ["--username=otae", f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    command = [*run_as(user), str(binaries / "initdb"), "--no-sync", "-D", str(data), *options]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    settings = SETTINGS.format(port=port, folder=folder)
    if identity is not None:
        settings += TLS_SETTINGS.format(certificate=identity.certificate_file, key=identity.key_file)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(settings)
    (data / "pg_hba.conf").write_text(HBA.format(kind="hostssl" if identity else "host"))


def run_as(user: str | None) -> list[str]:
    """Give the beginning of a command line that changes to ``user``."""
    return [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]


@contextmanager
def running(binaries: Path, *, tls: bool = True) -> Iterator[PostgresServer]:
    """Run a server of these programs until the block ends; ``tls``: it speaks nothing else, where it can."""
    with server_folder("postgres") as (folder, identity):
        user, port, password = unprivileged_user(), free_port(), secrets.token_urlsafe(12)
        tls = tls and has_tls(binaries)
        prepare(folder / "data", binaries, port, password, identity if tls else None, user)
        with (folder / "log").open("wb") as log:
            command = [*run_as(user), str(binaries / "postgres"), "-D", str(folder / "data")]
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        server = PostgresServer(binaries, port, "otae", password, identity.ca_file if tls else None)
        try:
            wait_until(lambda: answers(server, process, folder / "log"), "PostgreSQL")
            yield server
        finally:
            server.hang_up()
            # SIGINT is PostgreSQL's fast shutdown: open connections are ended, not waited for.
            process.send_signal(2)
            process.wait(timeout=20)


def answers(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> bool:
    """Say whether the server takes connections; RuntimeError with its log when it has ended."""
    if process.poll() is not None:
        raise RuntimeError(log.read_text())
    command = [str(server.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]
    return subprocess.run(command, check=False).returncode == 0


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for the whole session; take a database of your own from ``fresh()``."""
    binaries = system_binaries() or bundled_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL installed and none bundled for this Python")
    with running(binaries) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Give the URL of an empty database that is dropped after the test."""
    url = postgres.fresh()
    yield url
    postgres.drop(url)
