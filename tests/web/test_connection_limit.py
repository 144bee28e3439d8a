"""A database that gives few connections: pages wait for one instead of failing, and a command gets the one kept."""

import asyncio
import os
import sys
from collections.abc import Iterator

import httpx2
import pytest

from otae.app import make_app
from otae.settings import Settings
from otae.store import database, engine_asyncpg
from tests.desks import RecordingBell, opened
from tests.servers.postgres import PostgresServer
from tests.tasks.conftest import environment

pytestmark = pytest.mark.anyio


@pytest.fixture
def few(postgres: PostgresServer, postgres_settings: Settings) -> Iterator[Settings]:
    """Give an installation whose role may have three connections."""
    around = environment(postgres_settings)
    with postgres.limited(around["DATABASE_URL"], 3) as url:
        yield Settings.load(around | {"DATABASE_URL": url, "OTAE_DATABASE_CONNECTIONS": "3"})


async def browse(settings: Settings) -> set[int]:
    """Let twenty browsers open two pages each, at once; return what they were answered."""
    async with opened(settings, RecordingBell()) as desk:
        transport = httpx2.ASGITransport(make_app(desk))
        async with httpx2.AsyncClient(transport=transport, base_url=settings.public_url) as client:
            pages = ["/zdm/macos/otae/login", "/admin/sign-in"] * 20
            answers = await asyncio.gather(*[client.get(page) for page in pages])
            return {answer.status_code for answer in answers}


async def test_twenty_browsers_and_a_command_share_three(few: Settings) -> None:
    around = {"PATH": os.environ["PATH"], **environment(few)}
    listing = await asyncio.create_subprocess_exec(sys.executable, "-m", "otae", "user", "list", env=around)
    while listing.returncode is None:
        assert await browse(few) == {200}
        await asyncio.sleep(0)
    assert listing.returncode == 0


async def test_what_the_server_has_not_left_is_waited_for(few: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    more = few.model_copy(update={"database_connections": 12})
    monkeypatch.setattr(engine_asyncpg, "RETRY_INTERVAL", 0.02)
    assert database.pool_size(more, "web") == 11
    assert await browse(more) == {200}


def test_the_usual_shares_fit_into_twenty(few: Settings) -> None:
    usual = few.model_copy(update={"database_connections": None})
    queue = usual.model_copy(update={"redis_url": usual.database_url})
    web, worker = database.pool_size(queue, "web"), database.pool_size(queue, "worker")
    clock, command = database.pool_size(queue, "clock"), database.pool_size(queue, "command")
    assert 2 * web + 2 * worker + clock + 1 + command <= 20, "the clock holds one more for its turn"
    alone = database.pool_size(usual, "web") + 1
    assert 2 * alone + command <= 20
