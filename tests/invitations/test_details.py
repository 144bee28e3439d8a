"""What the page of one invitation is made of."""

from datetime import timedelta
from uuid import uuid4

import pytest

from otae.delivery.queue.outbox import enqueue
from otae.enrollment.sessions import open_session
from otae.errors import DeviceTaken, Refusal
from otae.invitations import details, lifecycle
from otae.invitations.details import Details, InvitationRow
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, Person
from otae.store.records import advance
from tests.invitations.guests import invite

pytestmark = pytest.mark.anyio


async def read(invitation: InvitationRow) -> Details:
    found = await details.read(invitation.id)
    assert found is not None
    return found


async def test_everything_about_one_invitation_is_read(desk: Desk) -> None:
    now = await database.now()
    row = (await invite(desk)).invitation
    ben = await Person.get(name="ben")
    _, newest = [
        await open_session(person=ben, invitation=row, mode=row.mode, ownership="corporate", now=at)
        for at in (now, now + timedelta(minutes=1))
    ]
    found = await read(row)
    assert found.invitation.person.name == "ben"
    assert found.session is not None
    assert found.session.id == newest.id
    assert sorted(found.deliveries) == ["pin", "url"]
    assert found.events[0].kind == "invitation.created"
    assert found.pin_works
    assert found.is_live(now + timedelta(minutes=2))
    assert not found.is_live(now + timedelta(days=1))


async def test_nothing_is_final_while_a_message_waits_or_a_mac_is_on_its_way(desk: Desk) -> None:
    now = await database.now()
    row = (await invite(desk, send=False)).invitation
    assert not (await read(row)).is_final(now)
    ben = await Person.get(name="ben")
    await open_session(person=ben, invitation=row, mode=row.mode, ownership="corporate", now=now)
    await lifecycle.fail(row, now=now, why="the tries are used up")
    assert not (await read(row)).is_final(now)
    assert (await read(row)).is_final(now + timedelta(days=1))


async def test_a_redeemed_one_is_final_once_its_confirmation_is_sent(desk: Desk) -> None:
    now = await database.now()
    row = (await invite(desk, send=False)).invitation
    await advance(row, "redeemed", event="invitation.redeemed", now=now, redeemed_at=now)
    assert (await read(row)).is_final(now)
    delivery = await enqueue(row, "confirmation", row.generation, "ben@example.test", now=now)
    assert not (await read(row)).is_final(now)
    await Delivery.filter(id=delivery.id).update(status="sent")
    assert (await read(row)).is_final(now)


async def test_what_is_not_there_and_what_is_a_rehearsals_is_not_shown(desk: Desk) -> None:
    rehearsal = await invite(desk, rehearsal=True, send=False)
    assert await details.read(uuid4()) is None
    assert await details.read(rehearsal.invitation.id) is None


def test_a_code_leads_to_its_refusal() -> None:
    assert details.refusal_of("device-taken") is DeviceTaken
    assert details.refusal_of("never-heard-of") is Refusal
