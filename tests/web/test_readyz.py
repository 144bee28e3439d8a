"""Ready is who can write: a full disk is told by /readyz and the doctor, and two servers never share one home."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from otae.app import make_app
from otae.overview import doctor
from otae.settings import Settings
from otae.store import database, writable
from otae.store.desk import Desk
from otae.store.models import Heartbeat
from otae.store.single_holder import single_server
from tests.desks import RecordingBell, opened
from tests.servers.ports import free_port
from tests.tasks.conftest import environment
from tests.test_cli import CommandLine

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def asking(desk: Desk) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(make_app(desk))
    async with httpx2.AsyncClient(transport=transport, base_url=desk.settings.public_url) as client:
        yield client


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest) -> Settings:
    """Give an installation on each database."""
    made: Settings = request.getfixturevalue(f"{request.param}_settings")
    return made


async def test_readyz_writes_and_does_so_rarely(either: Settings) -> None:
    async with opened(either, RecordingBell()) as desk, asking(desk) as client:
        assert (await client.get("/readyz")).text == "ok\n"
        first = (await Heartbeat.get(name=writable.ROW)).at
        assert (await client.get("/readyz")).text == "ok\n"
        assert (await Heartbeat.get(name=writable.ROW)).at == first


async def test_little_space_is_told(sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def told() -> tuple[str, str]:
        found = {check.name: check.state for check in await doctor.examine(sqlite_desk, now=await database.now())}
        return found["writing"], (await client.get("/readyz")).text

    async with asking(sqlite_desk) as client:
        assert await told() == ("ok", "ok\n")
        monkeypatch.setattr(writable, "LOW_FREE", 1 << 60)
        assert await told() == ("warning", "ok\n")
        monkeypatch.setattr(writable, "MIN_FREE", 1 << 60)
        assert await told() == ("failed", "disk\n")


FULL = """
import asyncio, os, resource, signal
import httpx2
from otae.app import make_app
from otae.overview import doctor
from otae.settings import Settings
from otae.store import database, keyring
from otae.store.desk import Desk, SilentBell

async def main():
    settings = Settings.load(os.environ)
    async with database.connected(settings):
        desk = Desk(settings, await keyring.open_vault(settings), SilentBell())
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        transport = httpx2.ASGITransport(make_app(desk))
        async with httpx2.AsyncClient(transport=transport, base_url=settings.public_url) as client:
            answer = await client.get("/readyz")
        print(answer.status_code, answer.text.strip())
        for check in await doctor.examine(desk, now=await database.now()):
            if check.name == "writing":
                print(check.state, check.words)

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_disk_that_takes_nothing_more_is_not_ready(sqlite_settings: Settings) -> None:
    """No file of this process may grow: what the system says then is what a full disk makes it say."""
    around = {"PATH": os.environ["PATH"], **environment(sqlite_settings)}
    done = subprocess.run([sys.executable, "-c", FULL], env=around, capture_output=True, text=True, check=False)
    assert "503 database" in done.stdout, done.stderr
    assert "failed the database does not answer: disk I/O error" in done.stdout


def test_a_second_server_on_one_home_is_refused_with_the_first_ones_number(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = CommandLine(sqlite_settings, monkeypatch, capsys)
    command.environment |= {"PUBLIC_URL": f"https://localhost:{free_port()}"}
    with single_server(sqlite_settings):
        told = command.refusal("serve")
        assert f"another `otae serve` (process {os.getpid()}) runs on OTAE_HOME" in told
    with single_server(sqlite_settings):
        pass


def test_the_link_for_the_first_administrator_can_be_asked_for(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = CommandLine(sqlite_settings, monkeypatch, capsys)
    assert "/admin/setup?s=" in command.json("admin", "setup-link")["setup_link"]
    assert command.run("admin", "create", "ada", "--password-stdin", text="correct horse battery\n").returncode == 0
    assert "otae admin create NAME --setup-link" in command.refusal("admin", "setup-link")
