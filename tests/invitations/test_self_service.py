"""What people may do with their own invitations, and what they may not."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from otae.errors import InvitationOnly, ModeOff, SlowDown
from otae.invitations import channels, lifecycle, self_made, self_service
from otae.invitations.mode_values import ModeValues, set_values
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Invitation, Person
from tests.invitations.guests import add_person, invite, queued

pytestmark = pytest.mark.anyio


@pytest.fixture
async def now(desk: Desk) -> datetime:
    return await database.now()


@pytest.fixture
async def ben(desk: Desk, now: datetime) -> Person:
    """Add Ben, who may invite himself in the mode of user name and PIN."""
    await set_values("username_pin", ModeValues(self_service=True), now=now, actor="ada")
    return await add_person(desk)


async def test_modes_are_offered_that_are_on_for_it_and_whose_pin_arrives(
    desk: Desk, ben: Person, now: datetime
) -> None:
    assert [mode.name for mode in await self_service.modes_for(ben)] == ["username_pin"]
    for policy in (channels.CARD, channels.SHOWN):
        await channels.set_policy("username_pin", policy, now=now, actor="ada")
        assert await self_service.offered_modes() == []
    await channels.set_policy("username_pin", "", now=now, actor="ada")
    await set_values("username_pin", ModeValues(enabled=False), now=now, actor="ada")
    assert await self_service.offered_modes() == []
    await set_values("username_pin", ModeValues(enabled=True), now=now, actor="ada")
    ben.email = None
    assert await self_service.modes_for(ben) == []
    with pytest.raises(ModeOff):
        await self_service.create(desk, ben, "username_pin", now=now)


async def test_an_invitation_goes_to_the_address_on_file(desk: Desk, ben: Person, now: datetime) -> None:
    await properties.write("enrollment.selfstart.ownership", "corporate")
    await self_service.create(desk, ben, "username_pin", now=now)
    row = await Invitation.get()
    assert (row.created_by, row.ownership, row.send) == (self_made.ACTOR, "corporate", True)
    [shown] = await self_service.own_invitations(ben, now=now)
    assert (shown.status, shown.open, shown.needs) == ("pending", True, "your user name and PIN")
    assert {place for _channel, place in (await queued(lifecycle.Created(row, "", ""))).values()} == {
        "ben@example.test"
    }


async def test_by_invitation_only_there_is_none_and_none_is_sent_again(desk: Desk, ben: Person, now: datetime) -> None:
    await self_service.create(desk, ben, "username_pin", now=now)
    await properties.write("macos.otae.enable", "false")
    with pytest.raises(InvitationOnly):
        await self_service.create(desk, ben, "username_pin", now=now)
    assert not await self_service.resend(desk, ben, (await Invitation.get()).id, now=now)
    assert (await Invitation.get()).generation == 1


async def test_five_a_day(desk: Desk, ben: Person, now: datetime) -> None:
    for _ in range(5):
        await self_service.create(desk, ben, "username_pin", now=now)
        newest = (await self_service.own_invitations(ben, now=now))[0]
        await Invitation.filter(status="pending").update(status="revoked")
        assert not await self_service.withdraw(desk, ben, newest.id, now=now)
    with pytest.raises(SlowDown):
        await self_service.create(desk, ben, "username_pin", now=now)


async def test_what_an_administrator_sent_is_sent_again_with_its_limits(desk: Desk, ben: Person, now: datetime) -> None:
    sent = (await invite(desk, "two_factor", show_pin=False)).invitation
    by_hand = (await invite(desk, "two_factor", send=False)).invitation
    assert await self_service.resend(desk, ben, sent.id, now=now)
    with pytest.raises(SlowDown):
        await self_service.resend(desk, ben, sent.id, now=now)
    assert not await self_service.resend(desk, ben, by_hand.id, now=now)
    assert not await self_service.resend(desk, ben, uuid4(), now=now)
    later = now + timedelta(days=2)
    assert {row.status for row in await self_service.own_invitations(ben, now=later)} == {"expired"}
    assert not any(row.open for row in await self_service.own_invitations(ben, now=later))
    assert await self_service.resend(desk, ben, sent.id, now=later)
    assert (await Invitation.get(id=sent.id)).generation == 3


async def test_the_invitations_of_others_are_unknown(desk: Desk, ben: Person, now: datetime) -> None:
    cleos = (await invite(desk, "two_factor", user="cleo", show_pin=False)).invitation
    assert await self_service.own_invitations(ben, now=now) == []
    assert not await self_service.resend(desk, ben, cleos.id, now=now)
    assert not await self_service.withdraw(desk, ben, cleos.id, now=now)
    assert (await Invitation.get()).status == "pending"
