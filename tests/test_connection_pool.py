"""Connections that are kept: the newest first, not for too long, not too many, and none from an avoided server."""

import asyncio

import pytest

from otae import connection_pool
from otae.connection_pool import ConnectionPool

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the pool's clock."""
    clock = Clock()
    monkeypatch.setattr(connection_pool, "time", clock)
    return clock


def test_the_connection_that_was_used_last_is_taken_first_and_only_by_its_own_key() -> None:
    pool: ConnectionPool[str] = ConnectionPool(idle_seconds=30)
    for connection in ("one", "two"):
        assert pool.put_back("here", connection)
    assert pool.take("there") is None
    assert [pool.take("here") for _ in range(3)] == ["two", "one", None]


def test_no_more_are_kept_than_allowed_for_each_key() -> None:
    pool: ConnectionPool[str] = ConnectionPool(idle_seconds=30, most_idle=2)
    assert [pool.put_back("here", name) for name in "abc"] == [True, True, False]
    assert pool.put_back("there", "d")


def test_those_that_were_idle_for_too_long_are_taken_out_to_be_closed(clock: Clock) -> None:
    pool: ConnectionPool[str] = ConnectionPool(idle_seconds=30)
    pool.put_back("here", "old")
    clock.now += 20
    pool.put_back("here", "new")
    pool.put_back("there", "new too")
    assert pool.take_old() == []
    clock.now += 10
    assert pool.take_old() == ["old"]
    assert pool.take("here") == "new"
    clock.now += 20
    assert pool.take_old() == ["new too"]


def test_all_of_one_key_or_of_every_key_are_taken_out_to_be_closed() -> None:
    pool: ConnectionPool[str] = ConnectionPool(idle_seconds=30)
    for key, connection in (("here", "a"), ("there", "b"), ("here", "c")):
        pool.put_back(key, connection)
    assert pool.take_all("here") == ["a", "c"]
    assert pool.take_all() == ["b"]
    assert pool.take_all() == []


def test_a_server_that_could_not_be_reached_is_avoided_for_a_minute(clock: Clock) -> None:
    pool: ConnectionPool[str] = ConnectionPool(idle_seconds=30)
    pool.avoid("here")
    clock.now += connection_pool.AVOID_SECONDS - 1
    assert (pool.is_avoided("here"), pool.is_avoided("there")) == (True, False)
    clock.now += 1
    assert not pool.is_avoided("here")


async def test_no_more_use_a_key_at_a_time_than_allowed() -> None:
    pool: ConnectionPool[str] = ConnectionPool(idle_seconds=30)
    using, most = 0, 0

    async def use() -> None:
        nonlocal using, most
        async with pool.limit("here", 3):
            using += 1
            most = max(most, using)
            await asyncio.sleep(0)
            using -= 1

    await asyncio.gather(*(use() for _ in range(10)))
    assert most == 3
    assert pool.limit("here", 3) is pool.limit("here", 3)
    assert pool.limit("here", 4) is not pool.limit("here", 3)
