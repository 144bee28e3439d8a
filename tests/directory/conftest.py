"""What tests of directories share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from otae.directory import connecting
from otae.settings import Settings
from otae.store import database, keyring
from otae.store.desk import Desk
from tests.desks import RecordingBell


@pytest.fixture
async def sqlite_desk(sqlite_settings: Settings, anyio_backend: str) -> AsyncIterator[Desk]:
    """Open an installation on SQLite: for what does not depend on the database."""
    async with database.connected(sqlite_settings):
        yield Desk(sqlite_settings, await keyring.open_vault(sqlite_settings), RecordingBell())


@pytest.fixture(autouse=True)
def lines_hung_up() -> Iterator[None]:
    """Leave no line to a directory open behind a test."""
    yield
    connecting.hang_up()
