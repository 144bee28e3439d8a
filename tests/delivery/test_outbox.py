"""From a queued row to a mail at a real server, and what the row says when that fails.

It is longer than 300 lines because every way a mail server can answer or fall silent is a case of one table.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from otae.delivery.catcher import list_caught, open_caught
from otae.delivery.queue import claims, outbox, outcomes, worker
from otae.delivery.queue.outcomes import Accepted
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, Invitation
from tests.delivery.conftest import NOW, PIN, TOKEN, Invite, UseServer
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio


async def test_a_queued_message_is_sent_once_with_link_and_words(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("url")

    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)

    [mail] = smtp_server.messages
    row = await ben.reload()
    assert (mail.sender, mail.recipients) == ("it@example.test", ("ben@example.test",))
    assert mail.message["Subject"] == "otae: enroll your Mac"
    assert mail.message["Message-ID"] == f"<{row.message_id}@localhost>"
    body = mail.message.get_body(("plain",))
    assert body is not None
    assert f"https://localhost:8443/zdm/su?e={TOKEN}" in body.get_content()
    assert (row.status, row.attempt, row.server_name) == ("sent", 1, "127.0.0.1")
    assert row.answer.startswith("250 2.0.0")
    assert row.sent_at is not None
    assert await ben.events() == [
        ("delivery.queued", "url"),
        ("delivery.sending", "url"),
        ("delivery.sent", "url: accepted by 127.0.0.1"),
    ]


async def test_the_pin_goes_in_its_own_message_and_is_forgotten_when_accepted(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, capfd: pytest.CaptureFixture[str]
) -> None:
    await use_server(smtp_server)
    ben = await invite("url", "pin")
    for row in ben.deliveries.values():
        await outbox.deliver(desk, row.id, now=NOW)

    link, pin = smtp_server.messages
    assert PIN.encode() in pin.raw
    assert PIN.encode() not in link.raw
    assert TOKEN.encode() not in pin.raw
    assert await ben.sealed_pin() is None
    kept = [str(row) for row in [*await Delivery.all().values(), *await Event.all().values()]]
    kept += [file.read_bytes().decode("latin-1") for file in desk.settings.home.glob("*") if file.is_file()]
    kept += capfd.readouterr()
    assert not [text for text in kept if PIN in text or TOKEN in text]


async def test_a_temporary_refusal_defers_and_the_next_try_succeeds(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("pin")
    smtp_server.answer("RCPT", "450 4.2.0 greylisted, come back")

    await outbox.deliver(desk, ben.deliveries["pin"].id, now=NOW)

    row = await ben.reload("pin")
    assert (row.status, row.answer) == ("queued", "450 4.2.0 greylisted, come back")
    assert row.next_try_at is not None
    assert NOW + timedelta(minutes=1) <= row.next_try_at < NOW + timedelta(minutes=2)
    assert await ben.sealed_pin() is not None
    await outbox.deliver(desk, row.id, now=NOW)
    assert smtp_server.messages == []
    assert row.id not in await outbox.sweep(NOW)

    assert row.id in await outbox.sweep(row.next_try_at)
    await outbox.deliver(desk, row.id, now=row.next_try_at)
    assert (await ben.reload("pin")).status == "sent"
    assert PIN.encode() in smtp_server.messages[0].raw


async def test_twenty_workers_send_one_mail(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("url")
    await asyncio.gather(*(outbox.deliver(desk, ben.deliveries["url"].id, now=NOW) for _ in range(20)))
    assert len(smtp_server.messages) == 1
    assert (await ben.reload()).attempt == 1


async def test_one_message_of_a_kind_and_generation_however_often_it_is_asked_for(desk: Desk, invite: Invite) -> None:
    ben = await invite("url")

    async def again() -> Delivery:
        async with transaction():
            return await outbox.enqueue(ben.invitation, "url", 1, "ben@example.test", now=NOW)

    rows = await asyncio.gather(*(again() for _ in range(20)))
    assert {row.id for row in rows} == {ben.deliveries["url"].id}
    assert await Delivery.all().count() == 1


async def test_a_dead_workers_row_comes_back_when_its_lease_ends(desk: Desk, invite: Invite) -> None:
    ben = await invite("url")
    row = ben.deliveries["url"]
    lease = NOW + claims.LEASE
    await Delivery.filter(id=row.id).update(status="sending", attempt=1, lease_until=lease)

    assert await outbox.sweep(NOW) == []
    assert await outbox.sweep(lease + timedelta(seconds=1)) == [row.id]
    back = await ben.reload()
    assert (back.status, back.outcome_unknown) == ("queued", False)


async def test_a_worker_that_died_after_the_content_leaves_the_outcome_unknown(desk: Desk, invite: Invite) -> None:
    ben = await invite("url")
    row = ben.deliveries["url"]
    await Delivery.filter(id=row.id).update(status="sending", attempt=1, lease_until=NOW, phase="data")
    await outbox.sweep(NOW + timedelta(seconds=1))
    back = await ben.reload()
    assert (back.status, back.outcome_unknown) == ("queued", True)


async def test_a_paused_workers_late_result_changes_nothing(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use_server(smtp_server)
    ben = await invite("url")

    async def late(accepted: Sequence[Accepted], now: datetime) -> list[Exception | None]:
        await Delivery.filter(id=ben.deliveries["url"].id).update(attempt=2)
        return await outcomes.record_sent(accepted, now)

    monkeypatch.setattr(worker, "record_sent", late)
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    row = await ben.reload()
    assert (row.status, row.attempt) == ("sending", 2)


async def test_what_was_not_sent_before_the_end_is_given_up(desk: Desk, invite: Invite) -> None:
    ben = await invite("url", "pin")
    later = NOW + timedelta(hours=25)
    waiting = await outbox.sweep(later)
    for row in waiting:
        await outbox.deliver(desk, row, now=later)
    assert {(await ben.reload(kind)).status for kind in ("url", "pin")} == {"failed"}
    assert (await ben.reload()).answer == "not sent before the invitation expired"
    assert await ben.sealed_pin() is None
    assert await list_caught() == []


@pytest.mark.parametrize("status", ["revoked", "redeemed", "failed"])
async def test_messages_of_an_ended_invitation_are_cancelled_when_their_turn_comes(
    desk: Desk, invite: Invite, status: str
) -> None:
    ben = await invite("url", "pin")
    await Invitation.filter(id=ben.invitation.id).update(status=status)
    for row in ben.deliveries.values():
        await outbox.deliver(desk, row.id, now=NOW)
    assert (await ben.reload()).status == "cancelled"
    assert (await ben.reload("pin")).status == "cancelled"
    assert await ben.sealed_pin() is None


async def test_cancelling_takes_back_what_waits_and_its_pin(desk: Desk, invite: Invite) -> None:
    ben = await invite("url", "pin", "confirmation")
    async with transaction():
        await outbox.cancel(ben.invitation, now=NOW)
    assert (await ben.reload()).status == "cancelled"
    assert (await ben.reload("confirmation")).status == "queued"
    assert await ben.sealed_pin() is None


async def test_without_a_server_the_catcher_takes_the_mail_sealed(desk: Desk, invite: Invite) -> None:
    ben = await invite("pin")
    await outbox.deliver(desk, ben.deliveries["pin"].id, now=NOW)
    [caught] = await list_caught()
    assert (caught.recipient, caught.subject) == ("ben@example.test", "otae: your PIN to enroll your Mac")
    assert PIN.encode() not in caught.message_sealed
    body = (await open_caught(desk, caught.id)).get_body(("plain",))
    assert body is not None
    assert PIN in body.get_content()
    assert (await ben.reload("pin")).server_name == "the mail catcher"


async def test_a_rehearsals_mail_never_leaves_the_house(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("url", rehearsal=True)
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    assert smtp_server.connections == 0
    assert await list_caught() == []
    assert len(await list_caught(rehearsal=True)) == 1
