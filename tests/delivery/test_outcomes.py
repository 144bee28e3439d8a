"""What the row says of each way an attempt can end."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from otae.delivery.queue import outbox, outcomes, worker
from otae.delivery.queue.outcomes import Accepted
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, Invitation, NotificationServer
from tests.delivery.conftest import NOW, PIN, TOKEN, Invite, UseServer
from tests.delivery.queued import ids, invite_many
from tests.servers.smtp import DROP, HANG, SMTPServer

pytestmark = pytest.mark.anyio


async def test_retries_grow_apart(desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer) -> None:
    await use_server(smtp_server, retries=5)
    ben = await invite("url", valid_for=None)
    smtp_server.answer("RCPT", "451 4.3.0 later", times=7)
    now, minutes = NOW, []
    for _ in range(7):
        await outbox.deliver(desk, ben.deliveries["url"].id, now=now)
        row = await ben.reload()
        assert row.next_try_at is not None
        minutes.append(int((row.next_try_at - now).total_seconds() // 60))
        now = row.next_try_at
    assert minutes == [1, 5, 15, 60, 60, 240, 240]


@pytest.mark.parametrize("stage", ["RCPT", "DATA", "DOT"])
async def test_a_refusal_for_good_fails_with_the_servers_words(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, stage: str
) -> None:
    await use_server(smtp_server)
    ben = await invite("url")
    smtp_server.answer(stage, f"550 5.1.1 nobody here, {TOKEN}")  # type: ignore[arg-type]  # one of the stages

    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)

    row = await ben.reload()
    assert (row.status, row.answer) == ("failed", "550 5.1.1 nobody here, …")
    assert (await Invitation.get(id=ben.invitation.id)).status == "failed"
    assert ("delivery.failed", "url: 550 5.1.1 nobody here, …") in await ben.events()


async def test_a_failed_pin_message_leaves_the_invitation_pending(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("pin")
    smtp_server.answer("DOT", f"554 5.7.1 looks odd: {PIN}")
    await outbox.deliver(desk, ben.deliveries["pin"].id, now=NOW)
    assert (await ben.reload("pin")).answer == "554 5.7.1 looks odd: …"
    assert (await Invitation.get(id=ben.invitation.id)).status == "pending"


@pytest.mark.parametrize("stage", ["CONNECT", "MAIL", "RCPT"])
async def test_a_line_that_breaks_before_the_content_is_simply_tried_again(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, stage: str
) -> None:
    await use_server(smtp_server)
    ben = await invite("url")
    smtp_server.answer(stage, DROP)  # type: ignore[arg-type]  # one of the stages
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    row = await ben.reload()
    assert (row.status, row.outcome_unknown, row.phase) == ("queued", False, "")


async def test_a_line_that_breaks_after_the_dot_is_unknown_and_retried_once_with_the_same_id(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("url")
    smtp_server.answer("DOT", DROP, times=2)

    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    row = await ben.reload()
    assert (row.status, row.outcome_unknown) == ("queued", True)
    assert "outcome unknown" in row.answer
    await outbox.deliver(desk, row.id, now=NOW + timedelta(minutes=5))

    row = await ben.reload()
    assert row.status == "failed"
    assert "may have arrived" in row.answer
    assert (await Invitation.get(id=ben.invitation.id)).status == "pending"
    sent = [line for content in smtp_server.contents for line in content.splitlines() if b"Message-ID" in line]
    assert len(sent) == 2
    assert len(set(sent)) == 1


@pytest.mark.slow
async def test_a_server_silent_after_the_dot_leaves_the_outcome_unknown(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    server = await use_server(smtp_server)
    await NotificationServer.filter(id=server.id).update(timeout=1)
    ben, cleo = await invite("url"), await invite("url", name="cleo", email="cleo@example.test")
    smtp_server.answer("DOT", HANG)
    slow = asyncio.create_task(outbox.deliver(desk, ben.deliveries["url"].id, now=NOW))
    while not smtp_server.contents:  # noqa: ASYNC110 - what is waited for happens in the server's thread
        await asyncio.sleep(0.01)
    await outbox.deliver(desk, cleo.deliveries["url"].id, now=NOW)
    assert (await cleo.reload()).status == "sent"
    await slow
    row = await ben.reload()
    assert (row.status, row.outcome_unknown) == ("queued", True)


async def test_one_that_was_taken_over_while_all_were_recorded_loses_alone(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use_server(smtp_server)
    people = await invite_many(invite, 4, "pin")
    lost = people[1].deliveries["pin"].id

    async def late(accepted: Sequence[Accepted], now: datetime) -> list[Exception | None]:
        await Delivery.filter(id=lost).update(attempt=2)
        return await outcomes.record_sent(accepted, now)

    monkeypatch.setattr(worker, "record_sent", late)
    await worker.deliver_all(desk, ids(people), now=NOW)
    assert [(await one.reload("pin")).status for one in people] == ["sent", "sending", "sent", "sent"]
    assert [await one.sealed_pin() is None for one in people] == [True, False, True, True]
    assert await Event.filter(kind="delivery.sent").count() == 3
