"""A PIN that did not reach its person: they cannot enroll, so it is shown, counted and told as a lost link is."""

from datetime import timedelta

import pytest

from otae.accounts import administrators
from otae.delivery import catcher, notices
from otae.delivery.mail import bounces
from otae.delivery.queue import outbox
from otae.enrollment import sessions
from otae.invitations import lifecycle, reminders
from otae.overview.attention import dashboard
from otae.overview.progress import progress_of
from otae.store import properties, stuck
from otae.store.desk import Desk
from otae.store.models import Administrator, CaughtMail, Delivery, Invitation, NotificationServer
from tests.delivery.conftest import NOW, PIN, Invite, Invited, UseServer
from tests.delivery.reports import report
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio

REFUSED = "550 5.1.1 no such mailbox"
BOTH = ("url", "pin")


@pytest.fixture(autouse=True)
async def ada(desk: Desk) -> None:
    """Ada, who invites, has a mail address."""
    await administrators.create_administrator(desk, name="ada", password="four quiet words here", now=NOW, actor="ada")
    await Administrator.filter(name="ada").update(email="ada@example.test")


async def problem(ben: Invited) -> str:
    """Return what lists and dashboard say is wrong; "" for an invitation that is not stuck."""
    row = await Invitation.get(id=ben.invitation.id)
    said = (await progress_of([row], now=NOW))[row.id].problem
    listed = await Invitation.filter(id__in=stuck.ids(NOW)).values_list("id", flat=True)
    board = await dashboard(now=NOW)
    assert (row.id in listed) == (row.id in {each.invitation.id for each in board.attention_items}) == bool(said)
    assert board.stuck == len(listed)
    return said


async def told() -> list[str]:
    return [row.recipient for row in await Delivery.filter(kind=notices.NOTICE)]


async def send(desk: Desk, ben: Invited, *kinds: str) -> None:
    for kind in kinds:
        await outbox.deliver(desk, ben.deliveries[kind].id, now=NOW)


async def test_a_pin_refused_for_good_needs_somebody_until_a_new_one_was_sent(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite(*BOTH)
    await Invitation.filter(id=ben.invitation.id).update(mode="username_pin")
    await send(desk, ben, "url")
    assert await problem(ben) == ""
    smtp_server.answer("RCPT", REFUSED)
    await send(desk, ben, "pin")
    assert (await ben.reload("pin")).status == "failed"
    assert await problem(ben) == f"PIN not sent: {REFUSED}"
    row = await Invitation.get(id=ben.invitation.id)
    assert row.status == "pending"
    assert await ben.sealed_pin() is None
    assert await told() == ["ada@example.test"]
    smtp_server.messages.clear()
    await outbox.deliver(desk, (await Delivery.get(kind=notices.NOTICE)).id, now=NOW)
    [notice] = smtp_server.to("ada@example.test")
    body = notice.message.get_body(("plain",))
    assert body is not None
    assert f"the message with the PIN was not sent: {REFUSED}" in " ".join(body.get_content().split())
    assert PIN not in notice.raw.decode()
    await lifecycle.resend(desk, row, now=NOW + timedelta(minutes=1), actor="ada")
    assert await problem(ben) == ""
    new = await Delivery.get(invitation_id=row.id, kind="pin", generation=2)
    await outbox.deliver(desk, new.id, now=NOW + timedelta(minutes=1))
    await new.refresh_from_db()
    assert (new.status, await problem(ben)) == ("sent", "")


async def test_a_pin_that_comes_back_needs_somebody_until_the_person_signed_in(desk: Desk, invite: Invite) -> None:
    ben, cleo = await invite(*BOTH), await invite(*BOTH, name="cleo", email="cleo@example.test")
    for each in (ben, cleo):
        await send(desk, each, *BOTH)
    await sessions.open_session(
        person=cleo.person, invitation=cleo.invitation, mode="two_factor", ownership="corporate", now=NOW
    )
    for each in (ben, cleo):
        await bounces.process_report(each.deliveries["pin"].id, report(), now=NOW)
        assert (await each.reload("pin")).status == "bounced"
    assert await problem(ben) == "PIN came back: 5.1.1 550 5.1.1 nobody here"
    assert await problem(cleo) == ""
    assert [row.invitation_id for row in await Delivery.filter(kind=notices.NOTICE)] == [ben.invitation.id]
    await outbox.deliver(desk, (await Delivery.get(kind=notices.NOTICE)).id, now=NOW)
    mail = await CaughtMail.get(recipient="ada@example.test")
    shown = await catcher.read_caught(desk, mail.id, now=NOW, actor="ada")
    assert shown is not None
    assert "the message with the PIN came back: 5.1.1 550 5.1.1 nobody here" in " ".join(shown.text.split())


async def test_a_pin_that_is_not_taken_waits_and_is_given_up_like_a_link(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite(*BOTH, valid_for=None)
    await send(desk, ben, "url")
    smtp_server.answer("RCPT", "450 4.2.0 later")
    await send(desk, ben, "pin")
    assert await problem(ben) == "PIN not taken yet: 450 4.2.0 later"
    assert await told() == []
    await outbox.deliver(desk, ben.deliveries["pin"].id, now=NOW + timedelta(days=6))
    said = "PIN not sent: not sent within five days; last answer: 450 4.2.0 later"
    assert (await problem(ben), await told()) == (said, ["ada@example.test"])
    assert (await Invitation.get(id=ben.invitation.id)).status == "pending"


async def test_an_invitation_whose_link_and_pin_are_lost_counts_once_and_is_told_once(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    guests = [await invite(*BOTH, name=f"guest{number}") for number in range(3)]
    smtp_server.answer("RCPT", REFUSED, times=3)
    for ben in guests[:2]:
        await send(desk, ben, "pin")
    await send(desk, guests[0], "url")
    assert await problem(guests[0]) == f"Mail not sent: {REFUSED}"
    assert await problem(guests[1]) == f"PIN not sent: {REFUSED}"
    assert (await Invitation.get(id=guests[0].invitation.id)).status == "failed"
    assert len(await told()) == 2
    smtp_server.answer("RCPT", REFUSED)
    await send(desk, guests[2], "pin")
    board = await dashboard(now=NOW)
    assert [(each.progress.problem, each.similar) for each in board.attention_items] == [
        (f"PIN not sent: {REFUSED}", 1),
        (f"Mail not sent: {REFUSED}", 0),
    ]
    assert board.stuck == 3


async def test_who_has_no_pin_is_not_reminded_to_use_it(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    await properties.write("reminder.days", "2")
    ben, cleo = [await invite(*BOTH, name=name, valid_for=None) for name in ("ben", "cleo")]
    await send(desk, cleo, *BOTH)
    smtp_server.answer("RCPT", REFUSED)
    await send(desk, ben, "pin", "url")
    assert await reminders.send_due(desk, now=NOW + timedelta(days=3)) == 1
    assert (await Delivery.get(kind="reminder-1")).invitation_id == cleo.invitation.id


async def test_a_server_that_refuses_all_keeps_the_pin_and_tells_of_the_server_alone(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite(*BOTH)
    smtp_server.answer("MAIL", "553 5.7.1 sender address rejected")
    await send(desk, ben, "pin")
    assert (await ben.reload("pin")).status == "queued"
    assert await ben.sealed_pin() is not None
    assert (await problem(ben)).startswith("PIN not taken yet: 553 5.7.1 sender address rejected")
    assert await told() == []
    assert await NotificationServer.filter(told_at__not_isnull=True).count() == 1
