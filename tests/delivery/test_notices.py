"""Who invited is told when it came to nothing: once, at an address, and never by the hundred."""

import pytest

from otae.accounts import administrators
from otae.delivery import catcher, notices
from otae.delivery.mail import bounces
from otae.delivery.queue import outbox
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, CaughtMail, Delivery, Invitation
from tests.delivery.conftest import NOW, Invite, Invited, UseServer
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio

REPORT = (
    b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx.example.test\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"Diagnostic-Code: smtp; 550 no such mailbox\r\n--b--\r\n"
)


@pytest.fixture
async def ada(desk: Desk) -> None:
    """Ada, who invites, has a mail address."""
    await administrators.create_administrator(desk, name="ada", password="four quiet words here", now=NOW, actor="ada")
    await Administrator.filter(name="ada").update(email="ada@example.test")


async def fail(desk: Desk, ben: Invited, smtp_server: SMTPServer) -> None:
    smtp_server.answer("RCPT", "550 5.1.1 nobody here")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    assert (await ben.reload()).status == "failed"


async def noticed() -> list[str]:
    return [row.recipient for row in await Delivery.filter(kind=notices.NOTICE).order_by("created_at")]


@pytest.mark.usefixtures("ada")
async def test_a_link_that_cannot_be_sent_is_told_to_who_invited(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("url")
    await fail(desk, ben, smtp_server)
    assert await noticed() == ["ada@example.test"]
    assert ("delivery.queued", "notice") in await ben.events()
    notice = await Delivery.get(kind=notices.NOTICE)
    assert notice.id in await outbox.sweep(NOW)


@pytest.mark.usefixtures("ada")
async def test_the_notice_says_what_happened_and_where_to_mend_it(desk: Desk, invite: Invite) -> None:
    ben = await invite("url")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    await bounces.process_report(ben.deliveries["url"].id, REPORT, now=NOW)
    await bounces.process_report(ben.deliveries["url"].id, REPORT, now=NOW)
    notice = await Delivery.get(kind=notices.NOTICE)
    await outbox.deliver(desk, notice.id, now=NOW)
    mail = await CaughtMail.get(recipient="ada@example.test")
    shown = await catcher.read_caught(desk, mail.id, now=NOW, actor="ada")
    assert shown is not None
    assert "the invitation of ben failed" in mail.subject
    assert "Ben Example (ben)" in shown.text
    assert "5.1.1 550 no such mailbox" in shown.text
    assert f"/admin/invitations/{ben.invitation.id}" in shown.text
    assert "ep-" not in shown.text
    assert (await Invitation.get(id=ben.invitation.id)).status == "pending"


async def test_without_an_address_the_contact_is_told_or_nobody(desk: Desk, invite: Invite) -> None:
    ben = await invite("url")
    async with transaction():
        await notices.notify_failure(ben.invitation, now=NOW)
    assert await noticed() == []
    await properties.write("support.contact", "desk@example.test")
    await properties.write("notification.failure", "false")
    async with transaction():
        await notices.notify_failure(ben.invitation, now=NOW)
    assert await noticed() == []
    await properties.write("notification.failure", "true")
    for _ in range(2):
        async with transaction():
            await notices.notify_failure(ben.invitation, now=NOW)
    assert await noticed() == ["desk@example.test"]


@pytest.mark.usefixtures("ada")
async def test_twenty_notices_an_hour_are_enough_and_a_rehearsal_gives_none(desk: Desk, invite: Invite) -> None:
    rehearsal = await invite("url", name="mac", rehearsal=True)
    guests = [await invite("url", name=f"ben{number}") for number in range(notices.MAX_PER_HOUR + 1)]
    async with transaction():
        await notices.notify_failure(rehearsal.invitation, now=NOW)
        for ben in guests:
            await notices.notify_failure(ben.invitation, now=NOW)
    assert len(await noticed()) == notices.MAX_PER_HOUR
    async with transaction():
        await notices.notify_failure(guests[-1].invitation, now=NOW + notices.HOUR)
    assert len(await noticed()) == notices.MAX_PER_HOUR + 1


@pytest.mark.usefixtures("ada")
async def test_a_notice_that_fails_gives_no_further_one(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    await fail(desk, await invite("url"), smtp_server)
    notice = await Delivery.get(kind=notices.NOTICE)
    smtp_server.answer("RCPT", "550 5.1.1 nobody here either")
    await outbox.deliver(desk, notice.id, now=NOW)
    await notice.refresh_from_db()
    assert notice.status == "failed"
    assert len(await noticed()) == 1


@pytest.mark.usefixtures("ada")
async def test_sending_again_makes_an_older_notice_pointless(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("url")
    await fail(desk, ben, smtp_server)
    await Invitation.filter(id=ben.invitation.id).update(status="pending", generation=2)
    notice = await Delivery.get(kind=notices.NOTICE)
    await outbox.deliver(desk, notice.id, now=NOW)
    await notice.refresh_from_db()
    assert notice.status == "cancelled"
