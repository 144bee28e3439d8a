"""Many messages at once: each keeps what was promised for one, whatever becomes of its neighbours."""

import asyncio
import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest

from otae.contacts import mail_address
from otae.delivery.queue import claims, outbox, worker
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, NotificationServer, Pin
from tests.delivery.conftest import NOW, PIN, TOKEN, Invite, UseServer, worker_running
from tests.delivery.queued import ids, invite_many, standing
from tests.delivery.texting import UseGateway
from tests.ledger import check_ledger
from tests.servers import sms
from tests.servers.ports import free_port
from tests.servers.sms import StartProvider
from tests.servers.smtp import DROP, HANG, SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio

#: Statements that a message may cost in a bulk of a hundred, BEGIN and COMMIT not counted.
STATEMENTS = 4


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
    async with worker_running(desk):
        await worker.deliver_all(desk, [*ids(people), *ids(people)], now=NOW)
    assert len(smtp_server.messages) == 20
    assert await check_ledger([smtp_server], recipients=20) == {"sent": 20}
    assert {len(mail.recipients) for mail in smtp_server.messages} == {1}
    assert not await Pin.filter(pin_sealed__not_isnull=True).exists()
    answers = await Delivery.all().values_list("answer", flat=True)
    assert all(str(answer).startswith("250 2.0.0") for answer in answers)
    assert smtp_server.connections <= 4


async def test_a_worker_that_died_between_mark_and_record_leaves_outcomes_unknown_and_no_third_copy(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use_server(smtp_server, connections=3)
    people = await invite_many(invite, 5, "pin")

    async def killed(accepted: object, now: object) -> list[Exception | None]:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(worker, "record_sent", killed)
        async with worker_running(desk):
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
    async with worker_running(desk):
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
    async with worker_running(desk):
        await worker.deliver_all(desk, ids(await invite_many(invite, 12)), now=NOW)
    assert await check_ledger([smtp_server], recipients=12) == {"failed": 1, "queued": 2, "sent": 9}
    assert await Delivery.filter(outcome_unknown=True).count() == 1


async def test_a_paced_server_is_given_no_more_than_its_share_of_a_list(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: 0.0))  # the share would grow meanwhile
    await use_server(smtp_server, rate=63)  # a message a second, and three may go out together
    people = await invite_many(invite, 9)
    async with worker_running(desk):
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
    async with worker_running(desk):
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
    async with worker_running(desk):
        desk.resources.get(worker.DeliveryWorker).closing = True
        await worker.deliver_all(desk, ids(people), now=NOW)
    assert await standing() == {"queued": 3}
    assert smtp_server.connections == 0


async def test_a_hundred_messages_cost_a_few_statements_each(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    await use_server(smtp_server, connections=8)
    people = await invite_many(invite, 50, "url", "pin")
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        async with worker_running(desk):
            await worker.deliver_all(desk, ids(people), now=NOW)
        statements = [record for record in caplog.records if record.name == "tortoise.db_client"]
    assert await standing() == {"sent": 100}
    assert 0 < len(statements) <= 100 * STATEMENTS
