"""How fast passwords may be guessed."""

import asyncio
from datetime import timedelta

import pytest

from otae.accounts import throttle
from otae.errors import SlowDown
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Counter


def test_neighbours_share_a_counter() -> None:
    assert throttle.network_of("203.0.113.9") == throttle.network_of("203.0.113.200") == "203.0.113.0/24"
    assert throttle.network_of("::ffff:203.0.113.9") == "203.0.113.0/24"
    assert throttle.network_of("2001:db8::1") == throttle.network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert throttle.network_of("testclient") == "testclient"
    assert throttle.key_of("password", "ben", "203.0.113.9") != throttle.key_of("password", "cleo", "203.0.113.9")
    assert "ben" not in throttle.key_of("password", "ben", "203.0.113.9")


@pytest.mark.anyio
async def test_twenty_tries_at_once_count_like_tries_in_turn(desk: Desk) -> None:
    now = await database.now()
    results = await asyncio.gather(*(throttle.count_try("k", now) for _ in range(20)), return_exceptions=True)
    assert len([result for result in results if result is None]) == 3
    assert len([result for result in results if isinstance(result, SlowDown)]) == 17
    assert (await Counter.get(key="k")).failures == 3


@pytest.mark.anyio
async def test_failures_are_forgotten_after_a_day(desk: Desk) -> None:
    now = await database.now()
    for minutes in (0, 0, 0, 1, 2):
        await throttle.count_try("k", now + timedelta(minutes=minutes))
    assert (await Counter.get(key="k")).failures == 5
    await throttle.count_try("k", now + throttle.WINDOW)
    assert (await Counter.get(key="k")).failures == 1
    assert await throttle.forget_old(now + throttle.WINDOW) == 0
    assert await throttle.forget_old(now + 4 * throttle.WINDOW) == 1
