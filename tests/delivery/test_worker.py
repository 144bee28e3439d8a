"""Many messages at once: each keeps what was promised for one, whatever becomes of its neighbours."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from otae.contacts import mail_address
from otae.delivery.mail import smtp_pool
from otae.delivery.queue import claims, outbox, outcomes, worker
from otae.delivery.queue.outcomes import Accepted, Claimed
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, Invitation, NotificationServer, Pin
from tests.delivery.conftest import NOW, PIN, TOKEN, Invite, Invited, UseServer
from tests.delivery.texting import UseGateway
from tests.ledger import check_ledger
from tests.servers import sms
from tests.servers.ports import free_port
from tests.servers.sms import StartProvider
from tests.servers.smtp import DROP, HANG, SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio

#: Statements that a message may cost in a bulk of a hundred, BEGIN and COMMIT not counted.
STATEMENTS = 4


async def invite_many(invite: Invite, count: int, *kinds: str) -> list[Invited]:
    return [await invite(*(kinds or ("url",)), name=f"ben{at}", email=f"ben{at}@example.test") for at in range(count)]


def ids(people: Sequence[Invited]) -> list[UUID]:
    return [row.id for one in people for row in one.deliveries.values()]


async def standing() -> dict[str, int]:
    found: dict[str, int] = {}
    for status in await Delivery.all().values_list("status", flat=True):
        found[str(status)] = found.get(str(status), 0) + 1
    return found


async def test_a_domain_beyond_ascii_is_sent_to_in_its_a_label_and_names_as_they_are(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    mia = await invite("url", email=mail_address("mia@müller.example"), display_name="山田\u3000太郎 علی\u200cرضا")
    await worker.deliver_all(desk, ids([mia]), now=NOW)
    assert [mail.recipients for mail in smtp_server.messages] == [("mia@xn--mller-kva.example",)]
    await check_ledger([smtp_server], recipients=1)


async def test_a_list_is_sent_each_message_once_and_every_pin_is_forgotten(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    people = await invite_many(invite, 10, "url", "pin")
    async with smtp_pool.keep_connections():
        await worker.deliver_all(desk, [*ids(people), *ids(people)], now=NOW)
    assert len(smtp_server.messages) == 20
    assert await check_ledger([smtp_server], recipients=20) == {"sent": 20}
    assert {len(mail.recipients) for mail in smtp_server.messages} == {1}
    assert not await Pin.filter(pin_sealed__not_isnull=True).exists()
    answers = await Delivery.all().values_list("answer", flat=True)
    assert all(str(answer).startswith("250 2.0.0") for answer in answers)
    assert smtp_server.connections <= 4


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


async def test_a_worker_that_died_between_mark_and_record_leaves_outcomes_unknown_and_no_third_copy(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use_server(smtp_server, connections=3)
    people = await invite_many(invite, 5, "pin")

    async def killed(accepted: object, now: object) -> list[Exception | None]:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(worker, "record_sent", killed)
        async with smtp_pool.keep_connections():
            dying = asyncio.create_task(worker.deliver_all(desk, ids(people), now=NOW))
            while len(smtp_server.messages) < 3:  # noqa: ASYNC110 - what is waited for happens in the server's thread
                await asyncio.sleep(0.01)
            dying.cancel()
            await asyncio.wait([dying])
    # A place is held until the outcome is recorded: of three places, three messages are in doubt.
    assert len(smtp_server.messages) == 3
    assert await standing() == {"sending": 5}
    over = NOW + claims.LEASE + timedelta(seconds=1)
    waiting = await outbox.sweep(over)
    assert await Delivery.filter(outcome_unknown=True).count() == 3
    await worker.deliver_all(desk, waiting, now=over)
    assert await check_ledger([smtp_server], recipients=5, kills=1, concurrency=3) == {"sent": 5}
    assert len(smtp_server.messages) == 8


async def test_a_message_that_hangs_takes_one_place_and_no_more(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server, connections=2)
    smtp_server.answer("MAIL", HANG)
    people = await invite_many(invite, 12)
    async with smtp_pool.keep_connections():
        slow = asyncio.create_task(worker.deliver_all(desk, ids(people), now=NOW))
        while await Delivery.filter(status="sent").count() < 11:  # noqa: ASYNC110 - rows say it, and no event does
            await asyncio.sleep(0.01)
        [hanging] = await Delivery.filter(status="sending")
        # Whoever rings meanwhile is served as well, by the same lines.
        cleo = await invite("url", name="cleo", email="cleo@example.test")
        await worker.deliver_all(desk, ids([cleo]), now=NOW)
        assert (await cleo.reload()).status == "sent"
        assert hanging.phase == ""
        slow.cancel()
        await asyncio.wait([slow])


async def test_refusals_and_broken_lines_stay_with_their_own_message(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    smtp_server.answer("RCPT", "550 5.1.1 nobody here")
    smtp_server.answer("RCPT", "450 4.2.0 greylisted")
    smtp_server.answer("DOT", DROP)
    async with smtp_pool.keep_connections():
        await worker.deliver_all(desk, ids(await invite_many(invite, 12)), now=NOW)
    assert await check_ledger([smtp_server], recipients=12) == {"failed": 1, "queued": 2, "sent": 9}
    assert await Delivery.filter(outcome_unknown=True).count() == 1


async def test_a_paced_server_is_given_no_more_than_its_share_of_a_list(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server, rate=63)  # a message a second, and three may go out together
    people = await invite_many(invite, 9)
    async with smtp_pool.keep_connections():
        for second in (0, 10):
            await worker.deliver_all(desk, ids(people), now=NOW + timedelta(seconds=second))
    assert len(smtp_server.messages) == 1 + 4
    waiting = await Delivery.filter(status="queued")
    assert [(row.attempt, row.next_try_at) for row in waiting] == [(0, None)] * 4


async def test_a_list_goes_by_the_standby_when_the_active_server_cannot_be_reached(
    desk: Desk, invite: Invite, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    spare = start_smtp("none")
    active = await use_server(spare, name="Down", host="localhost")
    await NotificationServer.filter(id=active.id).update(port=free_port())
    await use_server(spare, name="Spare", standby=1)
    async with smtp_pool.keep_connections():
        await worker.deliver_all(desk, ids(await invite_many(invite, 8)), now=NOW)
    assert len(spare.messages) == 8
    assert {(row.status, row.attempt, row.server_name) for row in await Delivery.all()} == {("sent", 1, "127.0.0.1")}
    assert await Event.filter(detail__startswith="url: accepted by standby 127.0.0.1 (localhost: ").count() == 8


async def test_mails_and_text_messages_in_one_list_go_their_own_ways(
    desk: Desk,
    invite: Invite,
    use_server: UseServer,
    use_gateway: UseGateway,
    smtp_server: SMTPServer,
    start_provider: StartProvider,
) -> None:
    provider = start_provider(sms.vonage)
    await use_server(smtp_server)
    await use_gateway(provider)
    people = await invite_many(invite, 3, "url", "pin")
    await Delivery.filter(kind="pin").update(channel="sms", recipient="+4915112345678")
    await worker.deliver_all(desk, ids(people), now=NOW)
    assert await standing() == {"sent": 6}
    assert (len(smtp_server.messages), len(provider.asked)) == (3, 3)
    assert all(TOKEN.encode() in mail.raw.replace(b"=\r\n", b"") for mail in smtp_server.messages)
    assert not [mail for mail in smtp_server.messages if PIN.encode() in mail.raw]


@pytest.mark.parametrize("words", ["250 2.0.0 taken: WXYZABCD", "554 5.7.1 looks odd: WXYZABCD"])
async def test_a_pin_of_letters_that_the_server_quotes_is_kept_nowhere(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, words: str
) -> None:
    await use_server(smtp_server)
    ben = await invite("pin")
    pin = await Pin.get(invitation_id=ben.invitation.id)
    await Pin.all().update(pin_sealed=desk.vault.seal(b"WXYZABCD", pin.id, "pin"))
    smtp_server.answer("DOT", words)
    await worker.deliver_all(desk, ids([ben]), now=NOW)
    assert (await ben.reload("pin")).answer == words.replace("WXYZABCD", "…")
    assert "WXYZ" not in str(await ben.events())


async def test_a_worker_that_is_told_to_end_takes_nothing_further(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    people = await invite_many(invite, 3)
    async with smtp_pool.keep_connections():
        smtp_pool.close_soon()
        await worker.deliver_all(desk, ids(people), now=NOW)
    assert await standing() == {"queued": 3}
    assert smtp_server.connections == 0


async def test_a_hundred_messages_cost_a_few_statements_each(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    await use_server(smtp_server, connections=8)
    people = await invite_many(invite, 50, "url", "pin")
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        async with smtp_pool.keep_connections():
            await worker.deliver_all(desk, ids(people), now=NOW)
        statements = [record for record in caplog.records if record.name == "tortoise.db_client"]
    assert await standing() == {"sent": 100}
    assert 0 < len(statements) <= 100 * STATEMENTS
