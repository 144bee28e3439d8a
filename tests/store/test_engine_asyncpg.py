"""PostgreSQL's connections: a pooler is noticed, and a full server is waited for."""

import traceback

import pytest

from otae.settings import Settings
from otae.store import database
from otae.store.engine_asyncpg import Connector

pytestmark = pytest.mark.anyio


async def test_a_pooler_is_told_from_the_database(pooled: Settings, postgres_settings: Settings) -> None:
    for settings, expected in ((pooled, True), (postgres_settings, False)):
        connector = Connector()
        given = database.credentials(settings)
        names = ("host", "port", "user", "password", "database", "ssl")
        await (await connector(**{name: given[name] for name in names})).close()
        assert connector.pooled is expected


async def test_a_connection_that_cannot_say_whose_it_is_is_closed_at_once(postgres_settings: Settings) -> None:
    given = database.credentials(postgres_settings)
    names = ("host", "port", "user", "password", "database", "ssl")
    with pytest.raises(TimeoutError) as failed:
        await Connector()(**{name: given[name] for name in names}, command_timeout=0.000_001)
    frames = [frame for frame, _line in traceback.walk_tb(failed.tb)]
    opened = next(frame.f_locals["connection"] for frame in frames if "connection" in frame.f_locals)
    assert opened.is_closed()
