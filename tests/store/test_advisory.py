"""A lock of the database is held by one process, by its connection, and by its key."""

import asyncio

import pytest
from tortoise.connection import get_connection

from otae.settings import Settings
from otae.store import database
from otae.store.advisory import AdvisoryLock
from tests.pauses import until_about_to_end

pytestmark = pytest.mark.anyio

KEY = 4711


def lock(settings: Settings, key: int = KEY) -> AdvisoryLock:
    return AdvisoryLock(database.credentials(settings), key)


async def test_one_holds_it_and_another_key_is_another_lock(postgres_settings: Settings) -> None:
    async with lock(postgres_settings) as first, lock(postgres_settings) as second:
        assert not await first.is_held()
        assert await first.acquire(wait=False)
        assert await first.is_held()
        assert not await second.acquire(wait=False)
        assert not await second.is_held()
        async with lock(postgres_settings, KEY + 1) as other:
            assert await other.acquire(wait=False)
    async with lock(postgres_settings) as third:
        assert await third.acquire(wait=False)


async def test_who_waits_gets_it_when_it_is_given_back(postgres_settings: Settings) -> None:
    async with lock(postgres_settings) as second:
        async with lock(postgres_settings) as first:
            assert await first.acquire(wait=True)
            waiting = asyncio.create_task(second.acquire(wait=True))
            await asyncio.sleep(0.5)
            assert not waiting.done()
        async with asyncio.timeout(60):
            assert await waiting


async def test_a_connection_that_was_ended_holds_nothing(postgres_settings: Settings) -> None:
    async with lock(postgres_settings) as first, database.connected(postgres_settings):
        assert await first.acquire(wait=False)
        await get_connection("default").execute_query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1", [KEY]
        )
        for _ in range(600):
            if not await first.is_held():
                break
            await asyncio.sleep(0.1)
        assert not await first.is_held()
        async with lock(postgres_settings) as second:
            assert await second.acquire(wait=True)


async def test_a_connection_that_is_about_to_end_holds_nothing(postgres_settings: Settings) -> None:
    async with lock(postgres_settings) as first, database.connected(postgres_settings):
        assert await first.acquire(wait=False)
        ended = asyncio.create_task(until_about_to_end(first._connection))  # noqa: SLF001 - there is no public way to it
        await get_connection("default").execute_query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1", [KEY]
        )
        await ended
        assert not await first.is_held()


async def test_who_is_cancelled_while_waiting_leaves_no_connection(postgres_settings: Settings) -> None:
    async with lock(postgres_settings) as first, lock(postgres_settings) as second:
        assert await first.acquire(wait=False)
        waiting = asyncio.create_task(second.acquire(wait=True))
        await asyncio.sleep(0.3)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not await second.is_held()
