"""SQLite's transactions: the write lock is taken at once, and always released."""

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError

from otae.errors import DatabaseAway
from otae.settings import Settings
from otae.store import database, engine_sqlite
from otae.store.desk import Desk
from otae.store.models import Counter, Invitation, Person, Property
from tests.enrollment import lab

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)


async def test_a_writer_elsewhere_past_the_timeout_leaves_us_able_to_answer(sqlite_settings: Settings) -> None:
    other = sqlite3.connect(sqlite_settings.home / "otae.sqlite3", isolation_level=None)
    async with database.connected(sqlite_settings):
        await get_connection("default").execute_query("PRAGMA busy_timeout=50")
        other.execute("BEGIN IMMEDIATE")
        for _ in range(5):
            with pytest.raises(DatabaseAway):
                async with database.transaction():
                    raise AssertionError("the lock was not ours")
        other.execute("ROLLBACK")
        async with asyncio.timeout(10), database.transaction():
            await lab.person(NOW)
    other.close()


WRITER = """
import asyncio, sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from otae.settings import Settings
from otae.store import database
from otae.store.models import Counter

async def main():
    async with database.connected(Settings.load({"OTAE_HOME": sys.argv[1]})):
        for _ in range(60):
            async with database.transaction():
                row = await Counter.get(key="shared")
                await asyncio.sleep(0.001)
                await Counter.filter(key="shared").update(failures=row.failures + 1)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_processes_on_one_sqlite_file_wait_for_each_other(sqlite_settings: Settings) -> None:
    """Read-then-write in three processes at once: no "database is locked", and no update is lost."""
    async with database.connected(sqlite_settings):
        await Counter(key="shared", window_start=NOW).save()
    command = [sys.executable, "-c", WRITER, str(sqlite_settings.home)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], errors
    async with database.connected(sqlite_settings):
        assert (await Counter.get(key="shared")).failures == 180


async def test_a_query_made_before_a_transaction_is_refused_in_it_instead_of_waiting(sqlite_settings: Settings) -> None:
    async with database.connected(sqlite_settings):
        await lab.person(NOW)
        everybody, ben = Person.all(), Person.filter(name="ben")
        assert len(await everybody) == len(await ben) == 1
        for query in (everybody, ben, ben.only("id"), everybody.values_list("id"), everybody.delete()):
            with pytest.raises(RuntimeError, match="make it inside"):
                async with database.transaction():
                    await query
        async with database.transaction():
            assert await Person.filter(name="ben").count() == await Person.all().count() == 1


async def test_a_statement_counts_the_rows_it_named_and_not_those_that_went_with_them(sqlite_desk: Desk) -> None:
    connection = get_connection("default")
    assert isinstance(connection, engine_sqlite.SerialClient)
    for _ in range(2):
        await lab.invitation(NOW)
    assert (await connection.execute_query("UPDATE person SET display_name = 'x'"))[0] == 1
    assert (await connection.execute_query("UPDATE person SET display_name = 'x' WHERE name = 'cleo'"))[0] == 0
    assert (await connection.execute_query("SELECT id FROM invitation"))[0] == 2
    assert (await connection.execute_query("DELETE FROM person"))[0] == 1
    assert await Invitation.all().count() == 0


async def test_many_statements_are_all_or_nothing(sqlite_desk: Desk) -> None:
    with pytest.raises(IntegrityError):
        await get_connection("default").execute_many(
            "INSERT INTO property (name, value) VALUES (?, ?)", [["a", "1"], ["b", "2"], ["a", "3"]]
        )
    assert await Property.all().count() == 0
