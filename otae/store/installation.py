"""Opening a prepared installation: its database, its keys and the resources of the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store import database, keyring, schema_check
from otae.store.desk import Bell, Desk, SilentBell


@asynccontextmanager
async def open_desk(
    settings: Settings, *, bell: Bell | None = None, role: database.Role = "web", examining: bool = False
) -> AsyncIterator[Desk]:
    """Open a prepared installation for the length of the block; the resources of the process are closed at its end.

    Args:
        examining: Open it also when its tables differ from this release's, for a command that reports the difference.

    Raises:
        CannotStart: The installation was not prepared, or the master key is wrong.
    """
    async with database.connected(settings, role=role):
        if not await database.is_migrated():
            raise CannotStart("the database is not set up: run `otae migrate` first")
        if not examining:
            await schema_check.require_tables()
        desk = Desk(settings, await keyring.open_vault(settings), bell or SilentBell())
        try:
            yield desk
        finally:
            await desk.resources.close()
