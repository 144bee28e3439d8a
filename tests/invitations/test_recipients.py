"""Whom an order means: one person or group, within reach, and a reason where it is nobody or more than one."""

import pytest

from otae.directory.local import groups
from otae.directory.reach import EVERYBODY, Reach, reach_of
from otae.invitations import recipients
from otae.invitations.recipients import NO_GROUP, NO_PERSON
from otae.overview import removal
from otae.store import database
from otae.store.desk import Desk
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def found(desk: Desk, name: str, *, rehearsal: bool = False, reach: Reach = EVERYBODY) -> tuple[str | None, str]:
    person, why = await recipients.find(desk, name, now=await database.now(), rehearsal=rehearsal, reach=reach)
    return (person.name if person else None), why


async def test_our_own_people_are_found_by_name_and_nobody_else(desk: Desk) -> None:
    await add_person(desk, "ben")
    for name in ("ben", "BEN", " ben "):
        assert await found(desk, name) == ("ben", "")
        assert await found(desk, name, rehearsal=True) == ("ben", "")
    for name in ("bén", "be", "cleo", ""):
        assert await found(desk, name) == (None, NO_PERSON)
        assert await found(desk, name, rehearsal=True) == (None, NO_PERSON)


async def test_who_is_out_of_reach_is_unknown(desk: Desk) -> None:
    await add_person(desk, "ben", groups=["sales"])
    await add_person(desk, "cleo")
    reach = await reach_of(["local/sales"], now=await database.now())
    assert await found(desk, "ben", reach=reach) == ("ben", "")
    assert await found(desk, "cleo", reach=reach) == (None, NO_PERSON)
    assert await found(desk, "ben", reach=Reach(frozenset())) == (None, NO_PERSON)
    assert await found(desk, "", reach=reach) == (None, NO_PERSON)


async def test_who_was_removed_is_nobody(desk: Desk) -> None:
    person = await add_person(desk, "ben", groups=["sales"])
    reach = await reach_of(["local/sales"], now=await database.now())
    await removal.remove_person(desk, person, now=await database.now(), actor="ada")
    assert await found(desk, "ben", reach=reach) == (None, NO_PERSON)
    assert await found(desk, "ben") == (None, NO_PERSON)


async def test_a_group_is_found_within_reach(desk: Desk) -> None:
    await add_person(desk, "ben", groups=["sales"])
    await add_person(desk, "cleo", groups=["sales.north", "support"])
    now = await database.now()
    for name in ("sales", "local/sales"):
        assert await recipients.find_group(desk, name) == (("local", "sales", ""), "")
    assert await recipients.find_group(desk, "nobody") == (None, NO_GROUP)
    reach = await reach_of(["local/sales"], now=now)
    assert await recipients.find_group(desk, "sales.north", reach=reach) == (("local", "sales.north", ""), "")
    assert await recipients.find_group(desk, "support", reach=reach) == (None, NO_GROUP)
    assert await groups.find_group("support") is not None
