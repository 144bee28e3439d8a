"""A Redis and a PostgreSQL of one's own, to be killed and started again on the same port."""

import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers import postgres
from tests.servers.ports import free_port, listens, server_folder, wait_until
from tests.servers.redis import redis_program


@dataclass
class Mortal:
    """A server process that can be killed and started again; ``ready`` tells whether it takes requests."""

    command: list[str]
    folder: Path
    port: int
    url: str
    ready: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=log, stderr=log)
        wait_until(self.ready, self.command[0], 60)

    def kill(self, number: int) -> None:
        """Send a signal and wait until the server is gone."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            wait_until(lambda: not listens(self.port), "the end of the server", 30)


@contextmanager
def mortal_redis() -> Iterator[Mortal]:
    """Run a Redis that forgets everything when it ends."""
    program = redis_program()
    if program is None:
        pytest.skip("no Redis installed and none bundled")
    with server_folder("redis") as (folder, _identity):
        port = free_port()
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        url = f"redis://127.0.0.1:{port}/0"
        server = Mortal([*command, "--dir", str(folder)], folder, port, url, lambda: listens(port))
        server.start()
        try:
            yield server
        finally:
            server.kill(15)


@contextmanager
def mortal_postgres() -> Iterator[Mortal]:
    """Run a PostgreSQL that has written down what it says it has: a commit outlives a kill."""
    binaries = postgres.system_binaries() or postgres.bundled_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL installed and none bundled for this Python")
    with server_folder("postgres") as (folder, _identity):
        user, port, password = postgres.unprivileged_user(), free_port(), secrets.token_urlsafe(12)
        postgres.prepare(folder / "data", binaries, port, password, None, user)
        with (folder / "data/postgresql.conf").open("a") as conf:
            conf.write("synchronous_commit = on\n")
        command = [*postgres.run_as(user), str(binaries / "postgres"), "-D", str(folder / "data")]
        made = postgres.PostgresServer(binaries, port, "otae", password, None)
        server = Mortal(command, folder, port, made.url(), lambda: ready(made))
        server.start()
        try:
            yield server
        finally:
            server.kill(2)


def ready(server: postgres.PostgresServer) -> bool:
    command = [str(server.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]
    return subprocess.run(command, check=False).returncode == 0
