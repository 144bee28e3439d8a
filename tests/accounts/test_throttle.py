"""How fast passwords may be guessed."""

import asyncio
from datetime import timedelta

import pytest

from otae.accounts import throttle
from otae.accounts.throttle import AccountKeys
from otae.errors import SlowDown
from otae.store import database, failure_counters
from otae.store.desk import Desk
from otae.store.failure_counters import Backoff
from otae.store.models import Counter
from tests.accounts.counted import failures_of

pytestmark = pytest.mark.anyio

WAITS = Backoff(throttle.WAITS_PER_NETWORK, throttle.HOUR)
HERE = "203.0.113.0/24"


async def test_a_name_is_kept_as_a_hash_under_a_key_of_this_installation(sqlite_desk: Desk) -> None:
    keys = await AccountKeys.of(sqlite_desk)
    assert "ben" not in keys.key("bare", "ben")
    assert len({keys.key("bare", "ben"), keys.key("bare", "cleo"), keys.key("link", "ben")}) == 3
    assert AccountKeys(b"another installation's").key("bare", "ben") != keys.key("bare", "ben")


async def test_twenty_tries_at_once_count_like_tries_in_turn(desk: Desk) -> None:
    now = await database.now()
    results = await asyncio.gather(
        *(failure_counters.count("k", WAITS, now) for _ in range(20)), return_exceptions=True
    )
    assert len([result for result in results if result is None]) == 3
    assert len([result for result in results if isinstance(result, SlowDown)]) == 17
    assert (await Counter.get(key="k")).failures == 3


async def test_failures_are_forgotten_an_hour_after_the_newest(desk: Desk) -> None:
    now = await database.now()
    for minutes in (0, 0, 0, 1, 50):
        await failure_counters.count("k", WAITS, now + timedelta(minutes=minutes), network=HERE)
    assert await failure_counters.delete_expired(now + timedelta(minutes=100)) == 0
    await failure_counters.count("k", WAITS, now + timedelta(minutes=100), network=HERE)
    assert (await Counter.get(key="k")).failures == 6
    await failure_counters.count("k", WAITS, now + timedelta(minutes=160), network=HERE)
    assert (await Counter.get(key="k")).failures == 1
    assert await failure_counters.delete_expired(now + timedelta(minutes=220)) == 1


async def test_what_one_network_makes_up_is_kept_within_bounds_and_nobody_elses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_counters, "NETWORK_LIMIT", 5)
    now = await database.now()
    await failure_counters.count("elsewhere", WAITS, now, network="198.51.100.0/24")
    for number in range(12):
        await failure_counters.count(f"k{number:02}", WAITS, now + timedelta(seconds=number), network=HERE)
    kept = [row.key for row in await Counter.all().order_by("key")]
    assert kept == ["elsewhere", "k07", "k08", "k09", "k10", "k11"]


async def test_over_all_networks_an_account_waits_longer_and_longer_up_to_five_minutes(desk: Desk) -> None:
    moment, waits = await database.now(), []
    for number in range(22):
        attempt = await throttle.begin(desk, throttle.BARE, f"2001:db8:0:{number:x}::/64", moment)
        await attempt.count("ben")
        held = await Counter.get(key__endswith=":*")
        waits.append((held.blocked_until - moment).total_seconds() if held.blocked_until else 0)
        moment = max(moment, held.blocked_until or moment)
    assert waits == [0] * 9 + [1, 2, 4, 8, 15, 30, 60, 120, 300, 300, 300, 300, 300]
    with pytest.raises(SlowDown):
        await (await throttle.begin(desk, throttle.BARE, HERE, moment - timedelta(seconds=1))).count("ben")
    await (await throttle.begin(desk, throttle.BARE, HERE, moment)).count("cleo")


async def test_where_somebody_signed_in_before_others_elsewhere_hold_nobody_up(desk: Desk) -> None:
    now = await database.now()
    for _ in range(2):
        first = await throttle.begin(desk, throttle.CONSOLE, HERE, now)
        await first.count("ada")
        await first.succeed()
    for number in range(12):
        attempt = await throttle.begin(desk, throttle.CONSOLE, f"2001:db8:0:{number:x}::/64", now)
        try:
            await attempt.count("ada")
        except SlowDown:
            assert number >= 10
    with pytest.raises(SlowDown):
        await (await throttle.begin(desk, throttle.CONSOLE, "192.0.2.0/24", now)).count("ada")
    assert await failure_counters.delete_expired(now + timedelta(days=30)) > 0
    known = [await throttle.begin(desk, throttle.CONSOLE, HERE, now) for _ in range(4)]
    for attempt in known[:3]:
        await attempt.count("ada")
    with pytest.raises(SlowDown):
        await known[3].count("ada")
    assert await failures_of(desk, throttle.CONSOLE, "ada", HERE) == 3


async def test_a_try_that_has_to_wait_at_the_door_counts_nowhere(desk: Desk) -> None:
    now = await database.now()
    for _ in range(3):
        await throttle.count_public_attempt(
            await throttle.begin(desk, throttle.BARE, HERE, now), "ben", {"": 100, "all": 100}
        )
    with pytest.raises(SlowDown):
        await throttle.count_public_attempt(
            await throttle.begin(desk, throttle.BARE, HERE, now), "ben", {"": 100, "all": 100}
        )
    assert {row.failures for row in await Counter.all()} == {3}


@pytest.mark.parametrize(("page", "counted"), [(throttle.CONSOLE, 0), (throttle.BARE, 1)])
async def test_the_limit_of_a_network_spares_a_known_administrator_and_nobody_else(
    sqlite_desk: Desk, page: str, counted: int
) -> None:
    now = await database.now()
    first = await throttle.begin(sqlite_desk, page, HERE, now)
    await throttle.count_public_attempt(first, "ada", {"limit": 5})
    await first.succeed()
    again = await throttle.begin(sqlite_desk, page, HERE, now)
    await throttle.count_public_attempt(again, "ada", {"limit": 5})
    assert again.known
    assert (await Counter.get(key="limit")).failures == counted
