"""A message belongs to the worker that claimed it, and to no other meanwhile."""

import asyncio
from datetime import timedelta

import pytest

from otae.delivery.queue import claims, worker
from otae.delivery.queue.outcomes import Claimed
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation
from tests.delivery.conftest import NOW, Invite, UseServer
from tests.delivery.queued import ids, invite_many, standing
from tests.ledger import check_ledger
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio


async def test_what_somebody_else_has_or_what_is_over_stays_out_of_the_list(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    people = await invite_many(invite, 6)
    taken, revoked, later, sent, *others = people
    await Delivery.filter(invitation_id=taken.invitation.id).update(
        status="sending", attempt=7, lease_until=NOW + claims.LEASE
    )
    await Invitation.filter(id=revoked.invitation.id).update(status="revoked")
    await Delivery.filter(invitation_id=later.invitation.id).update(next_try_at=NOW + timedelta(minutes=1))
    await Delivery.filter(invitation_id=sent.invitation.id).update(status="sent")
    await worker.deliver_all(desk, ids(people), now=NOW)
    assert [(await one.reload()).status for one in people] == [
        "sending", "cancelled", "queued", "sent", "sent", "sent",
    ]  # fmt: skip
    assert (await taken.reload()).attempt == 7
    assert {mail.recipients[0] for mail in smtp_server.messages} == {one.person.email for one in others}


async def test_two_workers_with_one_list_send_each_message_once(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    people = await invite_many(invite, 12)
    wanted = ids(people)
    await asyncio.gather(worker.deliver_all(desk, wanted, now=NOW), worker.deliver_all(desk, wanted[::-1], now=NOW))
    assert len(smtp_server.messages) == 12
    assert {row.attempt for row in await Delivery.all()} == {1}
    await check_ledger([smtp_server], recipients=12)


async def test_a_row_that_is_locked_holds_up_nobody(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    people = await invite_many(invite, 3)
    locked, claim = asyncio.Event(), asyncio.Event()

    async def paused_worker() -> None:
        async with transaction():
            await Delivery.filter(id=people[0].deliveries["url"].id).select_for_update().only("id").first()
            locked.set()
            await claim.wait()

    if not desk.settings.embedded:  # SQLite has one writer at a time and no locks of rows
        paused = asyncio.create_task(paused_worker())
        await locked.wait()
        await worker.deliver_all(desk, ids(people), now=NOW)
        assert await standing() == {"queued": 1, "sent": 2}
        claim.set()
        await paused
    await worker.deliver_all(desk, ids(people), now=NOW)
    assert await standing() == {"sent": 3}


async def test_marks_tell_apart_what_is_ours_what_was_taken_over_and_what_lost_its_point(
    desk: Desk, invite: Invite
) -> None:
    people = await invite_many(invite, 3)
    for one in people:
        await Delivery.filter(invitation_id=one.invitation.id).update(status="sending", attempt=1)
    await Delivery.filter(invitation_id=people[1].invitation.id).update(attempt=2)
    await Invitation.filter(id=people[2].invitation.id).update(status="revoked")
    held = [Claimed(await one.reload(), one.invitation) for one in people]
    held[1].row.attempt = 1
    ours, taken, pointless = await claims.mark_data_phase(held)
    assert ours is None
    assert "another worker took over" in str(taken)
    assert str(pointless) == "the invitation was revoked"
    assert [(await one.reload()).phase for one in people] == ["data", "", "data"]


async def test_a_message_that_was_tried_since_it_was_read_is_not_claimed(desk: Desk, invite: Invite) -> None:
    ben, cleo = await invite_many(invite, 2)
    found = await claims.find_due(ids([ben, cleo]), NOW)
    await Delivery.filter(id=ben.deliveries["url"].id).update(attempt=1)
    taken = await claims.claim(found, None, NOW, through="catcher")
    assert [each.row.id for each in taken] == ids([cleo])
    assert (await ben.reload()).status == "queued"


@pytest.mark.parametrize(
    ("kind", "status", "left"),
    [
        ("expired", "expired", "queued"),
        ("revoked", "revoked", "queued"),
        ("revoked", "redeemed", "cancelled"),
        ("url", "failed", "cancelled"),
        ("confirmation", "redeemed", "queued"),
    ],
)
async def test_a_message_about_the_end_is_sent_unless_the_mac_was_enrolled_after_all(
    desk: Desk, invite: Invite, kind: str, status: str, left: str
) -> None:
    ben = await invite(kind)
    await Invitation.filter(id=ben.invitation.id).update(status=status)
    due = await claims.find_due(ids([ben]), NOW)
    assert len(due) == (left == "queued")
    assert (await ben.reload(kind)).status == left
