"""Reminders: after so many days, so many times, until the Mac is enrolled."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from otae.delivery import catcher
from otae.delivery.queue import outbox
from otae.invitations import lifecycle, reminders
from otae.invitations.lifecycle import Created
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import CaughtMail, Delivery, Invitation
from tests.desks import RecordingBell
from tests.invitations.guests import invite

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


async def mailed(desk: Desk, now: datetime) -> Created:
    """Invite Ben without end, and mail what waits."""
    await properties.write("reminder.days", "2")
    await properties.write("reminder.most", "2")
    made = await invite(desk, "username_password", now=now, show_pin=False)
    await send(desk, now)
    return made


async def send(desk: Desk, now: datetime) -> None:
    for each in await Delivery.filter(status="queued"):
        await outbox.deliver(desk, each.id, now=now)


async def kinds() -> list[str]:
    return sorted(each.kind for each in await Delivery.all())


async def test_nobody_is_reminded_unless_it_is_asked_for(desk: Desk) -> None:
    now = await database.now()
    await invite(desk, "username_password", show_pin=False, now=now - 30 * DAY)
    await send(desk, now - 30 * DAY)
    assert await reminders.send_due(desk, now=now) == 0


async def test_the_link_comes_once_more_after_so_many_days_and_so_many_times(desk: Desk, bell: RecordingBell) -> None:
    now = await database.now()
    made = await mailed(desk, now)
    assert await reminders.send_due(desk, now=now + DAY) == 0
    assert await reminders.send_due(desk, now=now + 3 * DAY) == 1
    assert await reminders.send_due(desk, now=now + 3 * DAY) == 0
    assert ("delivery", (await Delivery.get(kind="reminder-1")).id) in bell.rung
    await send(desk, now + 3 * DAY)
    assert await reminders.send_due(desk, now=now + 4 * DAY) == 0
    assert await reminders.send_due(desk, now=now + 6 * DAY) == 1
    await send(desk, now + 6 * DAY)
    assert await reminders.send_due(desk, now=now + 30 * DAY) == 0
    assert await kinds() == ["reminder-1", "reminder-2", "url"]
    for mail in await CaughtMail.all():
        shown = await catcher.read_caught(desk, mail.id, now=now, actor="ada")
        assert shown is not None
        assert made.url in shown.text


@pytest.mark.parametrize("end", ["redeemed", "revoked", "failed", "expired"])
async def test_what_has_ended_is_not_reminded_of(desk: Desk, end: str) -> None:
    now = await database.now()
    made = await mailed(desk, now)
    await Invitation.filter(id=made.invitation.id).update(status=end)
    assert await reminders.send_due(desk, now=now + 3 * DAY) == 0


async def test_a_reminder_still_queued_is_not_sent_once_the_invitation_ended(desk: Desk) -> None:
    now = await database.now()
    made = await mailed(desk, now)
    await reminders.send_due(desk, now=now + 3 * DAY)
    await lifecycle.revoke(desk, made.invitation, now=now + 3 * DAY, actor="ada")
    await send(desk, now + 3 * DAY)
    assert (await Delivery.get(kind="reminder-1")).status == "cancelled"


async def test_sending_again_begins_the_count_anew(desk: Desk) -> None:
    now = await database.now()
    made = await mailed(desk, now)
    await reminders.send_due(desk, now=now + 3 * DAY)
    row = await Invitation.get(id=made.invitation.id)
    await lifecycle.resend(desk, row, now=now + 4 * DAY, actor="ada")
    await send(desk, now + 4 * DAY)
    assert await reminders.send_due(desk, now=now + 5 * DAY) == 0
    assert await reminders.send_due(desk, now=now + 7 * DAY) == 1
    assert await Delivery.filter(kind="reminder-1", generation=2).count() == 1


async def test_who_was_mailed_nothing_or_could_not_be_reached_is_not_reminded(desk: Desk) -> None:
    now = await database.now()
    await mailed(desk, now)
    await Delivery.all().update(status="failed")
    await invite(desk, "username_password", user="cleo", send=False, show_pin=False, now=now)
    assert await reminders.send_due(desk, now=now + 3 * DAY) == 0


async def test_what_was_withdrawn_since_it_was_read_is_not_reminded_of(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = await database.now()
    made, earlier = await mailed(desk, now), reminders._earlier_messages  # noqa: SLF001 - where another process comes before

    async def late(invitation_ids: list[UUID]) -> dict[UUID, list[Delivery]]:
        await Invitation.filter(id=made.invitation.id).update(status="revoked")
        return await earlier(invitation_ids)

    monkeypatch.setattr(reminders, "_earlier_messages", late)
    assert await reminders.send_due(desk, now=now + 3 * DAY) == 0
    assert await kinds() == ["url"]
