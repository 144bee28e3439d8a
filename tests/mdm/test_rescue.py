"""Macs that get lost: marked once, told of, and their people invited again only where that is right."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from otae.mdm import rescue
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Certificate, Device, Enrollment, Event, Invitation, Notice, Person
from tests.invitations.following import DAY, mac_of
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def ended(desk: Desk, now: datetime, **columns: Any) -> Enrollment:  # noqa: ANN401 - columns of an enrollment
    """Give Ben a Mac whose profile was removed."""
    values: dict[str, Any] = {"status": "unenrolled", "ended_by": "profile", "trouble": "removed", "trouble_at": now}
    return await mac_of(desk, await add_person(desk, "ben"), now, **(values | columns))


async def test_a_silent_mac_is_marked_and_told_once_and_unmarked_when_it_connects(desk: Desk) -> None:
    now = await database.now()
    row = await mac_of(desk, await add_person(desk, "ben"), now)
    await rescue.mark(now=now + 13 * DAY)
    assert (await Enrollment.get()).trouble is None
    for days in (15, 16):
        await asyncio.gather(*(rescue.mark(now=now + days * DAY) for _ in range(3)))
    assert (await Enrollment.get()).trouble == "silent"
    assert await Event.filter(kind="rescue.silent").count() == await Notice.filter(kind="silent").count() == 1
    assert [each.id for each in await rescue.in_trouble()] == [row.id]
    await Device.all().update(seen_at=now + 17 * DAY)
    await rescue.mark(now=now + 17 * DAY)
    assert (await Enrollment.get()).trouble is None
    assert not await rescue.in_trouble()


async def test_a_certificate_that_ends_without_renewal_is_marked(desk: Desk) -> None:
    now = await database.now()
    await mac_of(desk, await add_person(desk, "ben"), now)
    await Certificate.filter(purpose="mdm-identity").update(not_after=now + 6 * DAY)
    await rescue.mark(now=now)
    assert (await Enrollment.get()).trouble == "identity"
    await Certificate.filter(purpose="mdm-identity").update(not_after=now + 300 * DAY)
    await rescue.mark(now=now)
    assert (await Enrollment.get()).trouble is None


async def test_nothing_is_marked_where_the_properties_say_never(desk: Desk) -> None:
    now = await database.now()
    await properties.write("rescue.silent.days", "0")
    await properties.write("rescue.identity.days", "0")
    await mac_of(desk, await add_person(desk, "ben"), now)
    await rescue.mark(now=now + 400 * DAY)
    assert (await Enrollment.get()).trouble is None


async def test_nobody_is_invited_unless_the_property_says_so(desk: Desk) -> None:
    now = await database.now()
    await ended(desk, now)
    assert await rescue.invite_due(desk, now=now) == 0


async def test_the_person_is_invited_again_for_the_same_mac_once_in_thirty_days(desk: Desk) -> None:
    now = await database.now()
    await properties.write("rescue.invite", "true")
    await ended(desk, now)
    await asyncio.gather(*(rescue.invite_due(desk, now=now) for _ in range(4)))
    [made] = await Invitation.all()
    assert (made.serial, made.ownership, made.mode) == ("C02CAMP00001", "corporate", "username_password")
    await Invitation.all().update(status="expired")
    assert await rescue.invite_due(desk, now=now + 29 * DAY) == 0
    assert await rescue.invite_due(desk, now=now + 31 * DAY) == 1
    assert await Event.filter(kind="rescue.invited").count() == 2


@pytest.mark.parametrize(
    "columns",
    [
        {"ownership": "employee"},
        {"ended_by": "administrator", "trouble": None},
        {"ended_by": "administrator", "trouble": "silent"},
        {"rehearsal": True},
    ],
    ids=str,
)
async def test_whose_mac_is_not_to_be_rescued_is_not_invited(desk: Desk, columns: dict[str, Any]) -> None:
    now = await database.now()
    await properties.write("rescue.invite", "true")
    await ended(desk, now, **columns)
    assert await rescue.invite_due(desk, now=now) == 0
    assert not await Invitation.exists()


async def test_somebody_who_is_disabled_is_not_invited(desk: Desk) -> None:
    now = await database.now()
    await properties.write("rescue.invite", "true")
    await ended(desk, now)
    await Person.all().update(disabled=True)
    assert await rescue.invite_due(desk, now=now) == 0


async def test_whoever_has_a_link_for_this_mac_gets_no_second_one(desk: Desk) -> None:
    now = await database.now()
    row = await ended(desk, now)
    await row.fetch_related("device", "person", "session")
    assert await rescue.invite_again(desk, row, now=now, actor="ada")
    await Device.all().update(rescued_at=None)
    assert not await rescue.invite_again(desk, row, now=now, actor="ada")


async def test_what_stands_in_the_way_is_recorded_once(desk: Desk) -> None:
    now = await database.now()
    await properties.write("rescue.invite", "true")
    await ended(desk, now)
    await Person.all().update(email=None)
    for minutes in (0, 10):
        assert await rescue.invite_due(desk, now=now + timedelta(minutes=minutes)) == 0
    assert await Event.filter(kind="rescue.refused").count() == 1
