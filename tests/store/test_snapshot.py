"""A snapshot: what a backup reads is one moment, while other processes go on writing."""

import asyncio
import os
import sys

import pytest

from otae.settings import Settings
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Person
from tests.desks import MASTER_KEY

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_a_snapshot_is_one_moment_and_keeps_nobody_from_writing(desk: Desk) -> None:
    before = await Person.all().count()
    async with database.snapshot():
        assert await Person.all().count() == before
        await from_another_process(desk.settings)
        assert await Person.all().count() == before
    assert await Person.all().count() == before + 1


async def from_another_process(settings: Settings) -> None:
    """Add a person by the command line, in a process of its own."""
    around = {"OTAE_HOME": str(settings.home), "OTAE_MASTER_KEYS": MASTER_KEY, "PATH": os.environ["PATH"]}
    if settings.database_url:
        around |= {"DATABASE_URL": settings.database_url.get_secret_value(), "PUBLIC_URL": settings.public_url}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "otae", "user", "add", "dora", env=around)
    assert await process.wait() == 0
