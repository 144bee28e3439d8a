"""PostgreSQL's connections: a pooler is noticed, and a full server is waited for."""

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
