"""One attempt: the active server first, then its standbys, and what the row says afterwards."""

import pytest

from otae.delivery.mail import smtp_pool
from otae.delivery.queue import outbox
from otae.store.desk import Desk
from otae.store.models import Delivery, NotificationServer
from tests.delivery.conftest import NOW, Invite, UseServer, worker_running
from tests.delivery.queued import queue_many
from tests.ledger import check_ledger
from tests.servers.ports import free_port
from tests.servers.smtp import DROP, SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio


async def test_a_standby_takes_over_when_the_active_server_cannot_be_reached(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    active = await use_server(smtp_server, name="Down")
    await NotificationServer.filter(id=active.id).update(port=free_port())
    await use_server(smtp_server, name="Spare", standby=1, from_email="spare@example.test")
    async with worker_running(desk):
        first, second = await queue_many(invite, 2)
        await outbox.deliver(desk, first.id, now=NOW)
        assert desk.resources.get(smtp_pool.SmtpPool).is_avoided("Down")
        await outbox.deliver(desk, second.id, now=NOW)
    assert [mail.sender for mail in smtp_server.messages] == ["spare@example.test"] * 2
    assert str(smtp_server.messages[0].message["From"]) == "Example GmbH <spare@example.test>"
    rows = await Delivery.all()
    assert {(row.status, row.attempt) for row in rows} == {("sent", 1)}
    await check_ledger([smtp_server], recipients=2)


async def test_a_refused_sign_in_goes_by_the_standby_and_the_timeline_says_so(
    desk: Desk, invite: Invite, use_server: UseServer, start_smtp: StartSMTP, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, spare = start_smtp("tls", user="otae", password="sesame"), start_smtp("none")
    monkeypatch.setenv("SSL_CERT_FILE", str(locked.ca_file))
    await use_server(locked, host="localhost", username="otae", password="wrong")
    await use_server(spare, name="Spare", standby=1)
    ben = await invite("url")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    kind, detail = (await ben.events())[-1]
    assert kind == "delivery.sent"
    assert detail.startswith("url: accepted by standby 127.0.0.1 (localhost: sign-in: 535")
    assert (len(locked.messages), len(spare.messages)) == (0, 1)


@pytest.mark.parametrize("reply", ["550 5.1.1 nobody here", "450 4.2.0 greylisted", DROP])
async def test_what_a_server_says_of_the_message_is_not_asked_of_a_standby(
    desk: Desk, invite: Invite, use_server: UseServer, start_smtp: StartSMTP, reply: str
) -> None:
    first, spare = start_smtp("none"), start_smtp("none")
    await use_server(first)
    await use_server(spare, name="Spare", standby=1)
    first.answer("RCPT", reply)
    [row] = await queue_many(invite, 1)
    await outbox.deliver(desk, row.id, now=NOW)
    assert spare.connections == 0


async def test_when_nobody_can_be_reached_the_message_waits_and_names_them_all(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    smtp_server.answer("CONNECT", "421 4.3.2 closing", times=2)
    await use_server(smtp_server)
    await use_server(smtp_server, name="Spare", host="localhost", standby=1)
    ben = await invite("url")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    row = await ben.reload()
    assert row.status == "queued"
    assert row.answer == "127.0.0.1: 421 4.3.2 closing; localhost: 421 4.3.2 closing"
