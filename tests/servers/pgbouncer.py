"""A real PgBouncer in transaction mode in front of the PostgreSQL of the tests."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers.ports import free_port, listens, server_folder, wait_until
from tests.servers.postgres import PostgresServer, run_as, unprivileged_user

#: Fewer sessions than the tests use at once, so that they are truly lent.
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server.port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 3
server_tls_sslmode = {tls}
"""


def pgbouncer_program() -> str | None:
    """Find the program; Debian keeps it where only root's PATH leads."""
    return shutil.which("pgbouncer", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))


@contextmanager
def running(program: str, server: PostgresServer) -> Iterator[int]:
    """Run it in front of ``server`` until the block ends; give its port on 127.0.0.1."""
    with server_folder("pgbouncer") as (folder, _):
        user, port = unprivileged_user(), free_port()
        tls = "require" if server.tls else "disable"
        (folder / "users").write_text(f'"{server.user}" "{server.password}"\n')
        (folder / "config").write_text(SETTINGS.format(server=server, port=port, folder=folder, tls=tls))
        if user is not None:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, user)
        with (folder / "log").open("wb") as log:
            command = [*run_as(user), program, "--quiet", str(folder / "config")]
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            wait_until(lambda: process.poll() is not None or listens(port), "PgBouncer")
            if process.poll() is not None:
                raise RuntimeError((folder / "log").read_text())
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def pgbouncer_port(postgres: PostgresServer) -> Iterator[int]:
    """Run one PgBouncer for the whole session, in front of ``postgres``."""
    program = pgbouncer_program()
    if program is None:
        pytest.skip("no PgBouncer installed")
    with running(program, postgres) as port:
        yield port
