"""Who has to wait, and who lets them try again."""

from datetime import timedelta

import pytest

from otae.accounts import throttle, unlocking
from otae.errors import SlowDown
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Counter, DirectoryServer, Person
from tests.accounts.counted import key_of
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def blocked(key: str) -> None:
    """Let a counter wait for five minutes."""
    now = await database.now()
    until = now + timedelta(minutes=5)
    await Counter(key=key, failures=9, window_start=now, blocked_until=until).save(force_create=True)


async def test_somebody_who_waits_anywhere_is_found_and_unlocked_everywhere(desk: Desk) -> None:
    ben, cleo, now = await add_person(desk, "ben"), await add_person(desk, "cleo"), await database.now()
    for door, network in (("bare", "203.0.113.0/24"), ("bare", "2001:db8::/64"), ("bare", "*"), ("outage", "*")):
        await blocked(await key_of(desk, door, "ben", network))
    assert await unlocking.locked_ids(desk, now=now) == {ben.id}
    assert set(await unlocking.locked_among(desk, [ben, cleo], now=now)) == {ben.id}
    assert await unlocking.unlock(desk, ben, now=now, actor="ada")
    assert not await unlocking.unlock(desk, ben, now=now, actor="ada")
    assert await unlocking.locked_ids(desk, now=now) == set()
    assert await AuditEntry.filter(action="person.unlocked", subject=str(ben.id)).count() == 1
    assert await Counter.all().count() == 0


async def test_an_account_of_a_directory_is_left_alone_at_either_door(desk: Desk) -> None:
    now = await database.now()
    dora = Person(domain="corp", directory_id="1", name="dora", display_name="Dora", created_at=now)
    await dora.save()
    server = DirectoryServer(domain="corp", lockout_limit=1, lockout_minutes=5)
    for door in (throttle.LINK, throttle.BARE, throttle.CONSOLE):
        attempt = await throttle.begin(desk, door, "203.0.113.0/24", now)
        await attempt.count_found(server, "1", "dora")
        with pytest.raises(SlowDown):
            await attempt.count_found(server, "1", "dora")
        if door != throttle.LINK:
            await attempt.count_named(server, "dora")
        assert await unlocking.locked_ids(desk, now=now) == {dora.id}
        assert await unlocking.unlock(desk, dora, now=now, actor="ada")
        assert await unlocking.locked_ids(desk, now=now) == set()
        assert await Counter.all().count() == 0, "by whom they are, and by the name typed"


async def test_a_link_held_up_from_everywhere_is_free_again(desk: Desk) -> None:
    ben, now = await add_person(desk, "ben"), await database.now()
    for number in range(10):
        attempt = await throttle.begin(desk, throttle.LINK, f"198.51.{number}.0/24", now)
        await attempt.count(str(ben.id), over="an invitation's id")
    assert await unlocking.locked_ids(desk, now=now) == {ben.id}
    assert await unlocking.unlock(desk, ben, now=now, actor="ada")
    await (await throttle.begin(desk, throttle.LINK, "192.0.2.0/24", now)).count(str(ben.id), over="an invitation's id")


async def test_a_wait_that_is_over_locks_nobody(desk: Desk) -> None:
    await add_person(desk, "ben")
    await blocked(await key_of(desk, "bare", "ben", "203.0.113.0/24"))
    later = await database.now() + timedelta(minutes=6)
    assert await unlocking.locked_ids(desk, now=later) == set()


async def test_other_people_and_other_counters_stay(desk: Desk) -> None:
    ben, now = await add_person(desk, "ben"), await database.now()
    for door, name in (("bare", "bena"), ("console", "ben")):
        await blocked(await key_of(desk, door, name, "203.0.113.0/24"))
    assert not await unlocking.unlock(desk, ben, now=now, actor="ada")
    assert await Counter.all().count() == 2
