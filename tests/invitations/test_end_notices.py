"""People are told when an invitation they were sent has ended, once, unless an administrator wants it otherwise."""

from datetime import datetime, timedelta

import pytest

from otae.delivery import catcher
from otae.delivery.queue import outbox
from otae.invitations import end_notices, lifecycle
from otae.invitations.lifecycle import Created
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import CaughtMail, Delivery, Invitation, Person
from tests.desks import RecordingBell
from tests.invitations.guests import invite

pytestmark = pytest.mark.anyio

LATER = timedelta(days=2)


async def send(desk: Desk, now: datetime) -> None:
    for each in await Delivery.filter(status="queued"):
        await outbox.deliver(desk, each.id, now=now)


async def invited(desk: Desk, now: datetime, *, mailed: bool = True) -> Created:
    made = await invite(desk, "two_factor", now=now, show_pin=False)
    if mailed:
        await send(desk, now)
    return made


async def told() -> list[str]:
    ours = Delivery.filter(kind__in=[end_notices.REVOKED, end_notices.EXPIRED])
    return [f"{each.kind}-{each.generation} {each.recipient}" for each in await ours.order_by("created_at")]


async def test_a_withdrawal_is_told_to_who_was_invited(desk: Desk, bell: RecordingBell) -> None:
    now = await database.now()
    made = await invited(desk, now)
    await lifecycle.revoke(desk, made.invitation, now=now, actor="ada")
    assert await told() == ["revoked-1 ben@example.test"]
    message = await Delivery.get(kind=end_notices.REVOKED)
    assert ("delivery", message.id) in bell.rung
    await outbox.deliver(desk, message.id, now=now)
    mail = await CaughtMail.get(subject__icontains="withdrawn")
    shown = await catcher.read_caught(desk, mail.id, now=now, actor="ada")
    assert shown is not None
    assert "There is nothing for you to do" in " ".join(shown.text.split())
    assert made.token not in shown.text
    assert made.token not in shown.html


async def test_an_expiry_is_told_when_it_is_asked_for_and_only_once(desk: Desk) -> None:
    now = await database.now()
    await invited(desk, now - LATER)
    assert await lifecycle.expire_due(now) == 1
    assert await told() == []
    await Invitation.all().update(status="pending")
    await properties.write("notification.expired", "true")
    assert await lifecycle.expire_due(now) == 1
    await Invitation.all().update(status="pending")
    assert await lifecycle.expire_due(now) == 1
    assert await told() == ["expired-1 ben@example.test"]
    await send(desk, now)
    assert (await Delivery.get(kind=end_notices.EXPIRED)).status == "sent"
    assert await CaughtMail.filter(subject__icontains="expired").count() == 1


async def test_nobody_is_told_of_what_never_reached_them(desk: Desk) -> None:
    now = await database.now()
    made = await invited(desk, now, mailed=False)
    await lifecycle.revoke(desk, made.invitation, now=now, actor="ada")
    assert await told() == []


@pytest.mark.parametrize("why", ["off", "disabled", "rehearsal", "expired before"])
async def test_a_withdrawal_can_be_silent(desk: Desk, why: str) -> None:
    now = await database.now()
    made = await invited(desk, now)
    if why == "off":
        await properties.write("notification.revoked", "false")
    elif why == "disabled":
        await Person.all().update(disabled=True)
    elif why == "rehearsal":
        await Invitation.all().update(rehearsal=True)
    else:
        await Invitation.all().update(status="expired")
    row = await Invitation.get(id=made.invitation.id)
    await lifecycle.revoke(desk, row, now=now, actor="ada")
    assert await told() == []


async def test_a_message_about_the_end_is_not_sent_once_there_is_a_new_invitation(desk: Desk) -> None:
    now = await database.now()
    await properties.write("notification.expired", "true")
    made = await invited(desk, now - LATER)
    await lifecycle.expire_due(now)
    await lifecycle.resend(desk, await Invitation.get(id=made.invitation.id), now=now, actor="ada")
    await send(desk, now)
    assert (await Delivery.get(kind=end_notices.EXPIRED)).status == "cancelled"
    assert await Delivery.filter(kind="url", generation=2, status="sent").count() == 1
