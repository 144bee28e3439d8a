"""Behind PgBouncer in transaction mode, as many platforms hand it out: everything works that works without."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE
from datetime import timedelta
from pathlib import Path

import pytest
from tortoise.connection import get_connection

from otae import app
from otae.overview import doctor
from otae.settings import Settings
from otae.store import database, schema_check
from otae.store.advisory import AdvisoryLock
from otae.store.installation import open_desk
from otae.store.keyring import new_master_key
from otae.store.models import Counter
from otae.store.single_holder import ClockLock
from tests.desks import RecordingBell, make_settings, opened
from tests.store.conftest import behind

pytestmark = pytest.mark.anyio


async def test_an_empty_database_becomes_an_installation(
    postgres_url: str, pgbouncer_port: int, tmp_path: Path
) -> None:
    url = behind(postgres_url, pgbouncer_port)
    settings = make_settings(tmp_path, DATABASE_URL=url, PUBLIC_URL="https://localhost:8443")
    await app.prepare(settings)
    async with open_desk(settings, role="command") as desk:
        assert (await schema_check.compare()).missing == ()
        found = {check.name: check.state for check in await doctor.examine(desk, now=await database.now())}
    assert found["database tables"] in {"ok", "warning"}
    assert found["master key"] == "ok"


async def test_two_commands_migrate_at_once(postgres_url: str, pgbouncer_port: int, tmp_path: Path) -> None:
    url = behind(postgres_url, pgbouncer_port)
    environ = os.environ | {"DATABASE_URL": url, "PUBLIC_URL": "https://localhost:8443", "OTAE_HOME": str(tmp_path)}
    environ["OTAE_MASTER_KEYS"] = new_master_key()
    command = (sys.executable, "-m", "otae", "migrate")
    running = [await asyncio.create_subprocess_exec(*command, env=environ, stderr=PIPE) for _ in range(2)]
    try:
        async with asyncio.timeout(300):
            ends = [await each.communicate() for each in running]
    finally:
        for each in running:
            with contextlib.suppress(ProcessLookupError):
                each.kill()
            await each.wait()
    assert [each.returncode for each in running] == [0, 0], ends


async def test_transactions_at_once_lose_nothing(pooled: Settings) -> None:
    async with opened(pooled, RecordingBell()):
        now = await database.now()
        await Counter(key="shared", window_start=now).save()

        async def count(number: int) -> None:
            async with database.transaction():
                row = await Counter.select_for_update().get(key="shared")
                await Counter.filter(key="shared").update(failures=row.failures + 1)
            assert await Counter.filter(window_start__lt=now + timedelta(seconds=number + 1)).count() == 1

        await asyncio.gather(*[count(number) for number in range(60)])
        assert (await Counter.get(key="shared")).failures == 60
        async with database.snapshot():
            assert await Counter.all().count() == 1


async def test_one_clock_has_the_turn_and_gives_it_back(pooled: Settings) -> None:
    async with ClockLock(pooled) as other:
        async with ClockLock(pooled) as first:
            assert await first.try_acquire()
            assert await first.try_acquire()
            assert not await other.try_acquire()
        assert await other.try_acquire()


async def test_the_lock_of_the_clock_keeps_no_snapshot_from_vacuum(pooled: Settings) -> None:
    sql = (
        "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)"
    )
    async with ClockLock(pooled) as clock, database.connected(pooled):
        assert await clock.try_acquire()
        for _ in range(2):
            assert (await get_connection("default").execute_query_dict(sql))[0]["number"] == 0
            assert await clock.try_acquire()
        assert (await get_connection("default").execute_query_dict(sql))[0]["number"] == 0


async def test_who_waits_for_a_lock_keeps_no_transaction(pooled: Settings) -> None:
    """An index that is made CONCURRENTLY by the process that holds the lock would wait for it without end."""
    sql = (
        "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    )
    locks = [AdvisoryLock(database.credentials(pooled), 4711) for _ in range(2)]
    async with locks[0] as first, locks[1] as second, database.connected(pooled, role="command"):
        assert await first.acquire(wait=True)
        waiting = asyncio.create_task(second.acquire(wait=True))
        await asyncio.sleep(1)  # it has asked more than once
        alone = False
        for _ in range(100):
            alone = alone or (await get_connection("default").execute_query_dict(sql))[0]["number"] == 1
            await asyncio.sleep(0.013)
        assert not waiting.done()
        assert alone
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting


async def test_asking_for_a_lock_that_is_held_holds_up_no_index(pooled: Settings) -> None:
    async with AdvisoryLock(database.credentials(pooled), 4711) as lock, database.connected(pooled, role="command"):
        assert await lock.acquire(wait=True)

        async def ask() -> None:
            while await lock.is_held():
                pass

        asking = asyncio.create_task(ask())
        client = get_connection("default")
        async with asyncio.timeout(120):
            for number in range(300):
                await client.execute_query(f"CREATE INDEX CONCURRENTLY made_{number} ON counter (failures)")
        assert not asking.done()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking


async def test_one_process_at_a_time_is_let_in(pooled: Settings) -> None:
    inside = 0

    async def enter() -> None:
        nonlocal inside
        async with database.exclusive(pooled):
            inside += 1
            await asyncio.sleep(0.01)
            assert inside == 1
            inside -= 1

    await asyncio.gather(enter(), enter(), enter())
