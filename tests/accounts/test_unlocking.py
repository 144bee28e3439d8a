"""Who has to wait, and who lets them try again."""

from datetime import timedelta

import pytest

from otae.accounts import lockout, throttle, unlocking
from otae.errors import SlowDown
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Counter, Person
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def blocked(key: str) -> None:
    """Let a counter wait for five minutes."""
    now = await database.now()
    until = now + timedelta(minutes=5)
    await Counter(key=key, failures=9, window_start=now, blocked_until=until).save(force_create=True)


async def test_somebody_who_waits_anywhere_is_found_and_unlocked_everywhere(desk: Desk) -> None:
    ben, cleo, now = await add_person(desk, "ben"), await add_person(desk, "cleo"), await database.now()
    for network in ("203.0.113.9", "2001:db8::1"):
        await blocked(throttle.key_of("password", "ben", network))
    assert await unlocking.locked_ids(now=now) == {ben.id}
    assert set(await unlocking.locked_among([ben, cleo], now=now)) == {ben.id}
    assert await unlocking.unlock(ben, now=now, actor="ada")
    assert not await unlocking.unlock(ben, now=now, actor="ada")
    assert await unlocking.locked_ids(now=now) == set()
    assert await AuditEntry.filter(action="person.unlocked", subject=str(ben.id)).count() == 1
    await throttle.count_try(throttle.key_of("password", "ben", "203.0.113.9"), now)


async def test_an_account_of_a_directory_is_left_alone_at_either_door(desk: Desk) -> None:
    now = await database.now()
    dora = Person(domain="corp", directory_id="1", name="dora", display_name="Dora", created_at=now)
    await dora.save()
    keys = [lockout.key_of("link", "corp", str(dora.id)), lockout.key_of("bare", "corp", "dora")]
    for key in keys:
        await lockout.count_try(key, 1, 5, now)
        with pytest.raises(SlowDown):
            await lockout.count_try(key, 1, 5, now)
        assert await unlocking.locked_ids(now=now) == {dora.id}
        assert await unlocking.unlock(dora, now=now, actor="ada")
        assert await unlocking.locked_ids(now=now) == set()


async def test_a_wait_that_is_over_locks_nobody(desk: Desk) -> None:
    await add_person(desk, "ben")
    await blocked(throttle.key_of("password", "ben", "203.0.113.9"))
    later = await database.now() + timedelta(minutes=6)
    assert await unlocking.locked_ids(now=later) == set()


async def test_other_people_and_other_counters_stay(desk: Desk) -> None:
    ben, now = await add_person(desk, "ben"), await database.now()
    for key in (throttle.key_of("password", "bena", "203.0.113.9"), throttle.key_of("admin", "ben", "203.0.113.9")):
        await blocked(key)
    assert not await unlocking.unlock(ben, now=now, actor="ada")
    assert await Counter.all().count() == 2
