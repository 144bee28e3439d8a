"""Failures are counted exactly, however many come at once, and forgotten in time."""

import asyncio
from datetime import datetime, timedelta

import pytest

from otae.errors import SlowDown
from otae.store import concurrent_attempts, database, failure_counters
from otae.store.desk import Desk
from otae.store.failure_counters import Backoff, Limit
from otae.store.models import Counter
from otae.store.resources import Resources

pytestmark = pytest.mark.anyio


KEY, OTHER = "lockout:ben", "lockout:cleo"


#: Five wrong passwords, ten minutes.
FIVE = Backoff((0, 0, 0, 0, 0, 600), timedelta(days=1), reset_after_wait=True)


async def test_fifty_tries_at_once_count_exactly_to_the_limit(desk: Desk) -> None:
    now = await database.now()
    await failure_counters.count(OTHER, FIVE, now)
    results = await asyncio.gather(*(failure_counters.count(KEY, FIVE, now) for _ in range(50)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType"] * 5 + ["SlowDown"] * 45
    row = await Counter.get(key=KEY)
    assert (row.failures, row.blocked_until) == (5, now + timedelta(minutes=10))
    other = await Counter.get(key=OTHER)
    assert (other.failures, other.blocked_until) == (1, None), "nobody else's account is touched"


async def test_after_the_lockout_fifty_at_once_count_to_the_limit_again(desk: Desk) -> None:
    now = await database.now()
    for _ in range(5):
        await failure_counters.count(KEY, FIVE, now)
    with pytest.raises(SlowDown) as caught:
        await failure_counters.count(KEY, FIVE, now + timedelta(minutes=10) - timedelta(seconds=1))
    assert caught.value.seconds == 1
    later = now + timedelta(minutes=10)
    results = await asyncio.gather(
        *(failure_counters.count(KEY, FIVE, later) for _ in range(50)), return_exceptions=True
    )
    assert results.count(None) == 5
    assert (await Counter.get(key=KEY)).blocked_until == later + timedelta(minutes=10)


async def test_what_was_no_wrong_password_is_given_back_at_once_too(desk: Desk) -> None:
    now = await database.now()

    async def away() -> None:
        await failure_counters.count(KEY, FIVE, now)
        await failure_counters.give_back(KEY, FIVE)

    await asyncio.gather(*(away() for _ in range(50)), return_exceptions=True)
    row = await Counter.get(key=KEY)
    assert (row.failures, row.blocked_until) == (0, None)


async def test_a_window_allows_so_many_failures_and_says_how_long_it_lasts(desk: Desk) -> None:
    now, hour = await database.now(), timedelta(hours=1)
    for _ in range(3):
        assert await failure_counters.exhausted_until(KEY, Limit(3, hour), now) is None
        await failure_counters.count(KEY, Limit(3, hour), now)
    assert await failure_counters.exhausted_until(KEY, Limit(3, hour), now) == now + hour
    with pytest.raises(SlowDown) as caught:
        await failure_counters.count(KEY, Limit(3, hour), now + timedelta(minutes=59))
    assert caught.value.seconds == 60
    await failure_counters.count(OTHER, Limit(3, hour), now)
    await failure_counters.give_back(KEY, Limit(3, timedelta(hours=1)))
    assert await failure_counters.exhausted_until(KEY, Limit(3, hour), now) is None
    await failure_counters.count(KEY, Limit(3, hour), now)
    assert await failure_counters.exhausted_until(KEY, Limit(3, hour), now + hour) is None
    await failure_counters.count(KEY, Limit(3, hour), now + hour)
    row = await Counter.get(key=KEY)
    assert (row.failures, row.window_start) == (1, now + hour), "a new window begins with one"
    await failure_counters.reset(KEY)
    assert not await Counter.exists(key=KEY)
    assert await Counter.exists(key=OTHER)


async def test_no_more_is_given_back_than_was_counted(desk: Desk) -> None:
    now = await database.now()
    await failure_counters.give_back(KEY, Limit(3, timedelta(hours=1)))
    await failure_counters.increment(KEY, now)
    await failure_counters.increment(KEY, now + timedelta(seconds=1))
    row = await Counter.get(key=KEY)
    assert (row.failures, row.window_start) == (2, now + timedelta(seconds=1))
    for _ in range(4):
        await failure_counters.give_back(KEY, Limit(3, timedelta(hours=1)))
    assert (await Counter.get(key=KEY)).failures == 0


async def test_failures_are_forgotten_after_a_while_and_the_delay_grows_until_then(desk: Desk) -> None:
    now = await database.now()
    waits = Backoff((0, 0, 10, 30), timedelta(hours=1))

    async def delay(moment: datetime) -> int:
        await failure_counters.count(KEY, waits, moment)
        until = (await Counter.get(key=KEY)).blocked_until
        return int((until - moment).total_seconds()) if until else 0

    assert [await delay(now + timedelta(minutes=minute)) for minute in range(5)] == [0, 10, 30, 30, 30]
    last = now + timedelta(minutes=4)
    assert await delay(last + timedelta(hours=1) - timedelta(seconds=1)) == 30
    assert await delay(last + timedelta(hours=2)) == 0


async def test_a_success_of_a_reset_delay_leaves_a_running_one_alone(desk: Desk) -> None:
    now = await database.now()
    for _ in range(5):
        await failure_counters.count(KEY, FIVE, now)
    await Counter.filter(key=KEY).update(failures=6)
    await failure_counters.give_back(KEY, FIVE)
    row = await Counter.get(key=KEY)
    assert (row.failures, row.blocked_until) == (5, now + timedelta(minutes=10))
    await failure_counters.give_back(KEY, FIVE)
    row = await Counter.get(key=KEY)
    assert (row.failures, row.blocked_until) == (4, None)


async def test_a_network_that_invents_keys_keeps_the_newest_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_counters, "NETWORK_LIMIT", 3)
    now = await database.now()
    await failure_counters.count("theirs", FIVE, now, network="203.0.113.0/24")
    for number in range(6):
        moment = now + timedelta(seconds=number)
        await failure_counters.count(f"k{number}", FIVE, moment, network="198.51.100.0/24")
    assert {row.key for row in await Counter.all()} == {"theirs", "k3", "k4", "k5"}


async def test_each_kind_of_counter_has_its_own_life(desk: Desk) -> None:
    now = await database.now()
    ages = {
        "from a network": failure_counters.NETWORK_RETENTION,
        "share:198.51.100.0/24": failure_counters.NETWORK_RETENTION,
        "plain": failure_counters.RETENTION,
        "known:ben": failure_counters.MARK_RETENTION,
    }
    for key, age in ages.items():
        network = "198.51.100.0/24" if key == "from a network" else None
        for number, more in enumerate((0, 1)):
            start = now - age + timedelta(seconds=more)
            await Counter(key=f"{key}{number}", window_start=start, network=network).save()
    assert await failure_counters.delete_expired(now) == len(ages)
    assert {row.key for row in await Counter.all()} == {f"{key}1" for key in ages}


async def test_a_mark_lasts_since_it_was_made_last(desk: Desk) -> None:
    now, key = await database.now(), f"{failure_counters.MARK_PREFIX}ben"
    life = failure_counters.MARK_RETENTION
    assert not await failure_counters.is_marked(key, now)
    await failure_counters.mark(key, now)
    assert await failure_counters.is_marked(key, now + life - timedelta(seconds=1))
    assert not await failure_counters.is_marked(key, now + life)
    await failure_counters.mark(key, now + life)
    assert await failure_counters.is_marked(key, now + life)


async def test_those_who_have_to_wait_are_found_by_the_beginning_of_their_key(desk: Desk) -> None:
    now = await database.now()
    for key in ("password:ben:here", "password:cleo:here", "lockout:ben", "other:ben"):
        await Counter(key=key, failures=9, window_start=now, blocked_until=now + timedelta(minutes=5)).save()
    await Counter(key="password:dora:here", failures=9, window_start=now, blocked_until=now).save()
    found = await failure_counters.blocked(["password:", "lockout:"], now, 10)
    assert found == dict.fromkeys(
        ["password:ben:here", "password:cleo:here", "lockout:ben"], now + timedelta(minutes=5)
    )
    assert len(await failure_counters.blocked(["password:", "lockout:"], now, 2)) == 2


async def test_counters_are_deleted_by_their_key_and_by_its_beginning(desk: Desk) -> None:
    now = await database.now()
    for key in ("lockout:ben", "lockout:benita", "password:ben:here", "password:ben:there", "password:benita:here"):
        await Counter(key=key, failures=1, window_start=now).save()
    assert await failure_counters.reset("lockout:ben", prefixes=["password:ben:"]) == 3
    assert {row.key for row in await Counter.all()} == {"lockout:benita", "password:benita:here"}


async def test_a_sign_in_without_an_attempt_left_waits_for_those_that_are_being_checked(desk: Desk) -> None:
    now, process = await database.now(), Resources()
    one = Backoff((0, 60), timedelta(hours=1))

    async def sign_in() -> None:
        with concurrent_attempts.sign_in_scope(process):
            await failure_counters.count(KEY, one, now)
            await asyncio.sleep(0.01)
            await failure_counters.give_back(KEY, one)

    await asyncio.gather(*(sign_in() for _ in range(5)))
    await failure_counters.count(KEY, one, now)
    with pytest.raises(SlowDown):
        await sign_in()
