"""Lines that stay open, places, pace, and the servers that stand in for one another."""

import asyncio
import socket
from datetime import timedelta
from typing import Any

import pytest

from otae.delivery.mail import smtp_pool
from otae.delivery.mail.smtp_connect import Endpoint, connect
from otae.delivery.queue import dispatch, outbox, rate_limit
from otae.delivery.servers import servers_in_order
from otae.delivery.texts.compose import MessageData, load_message_data
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation, NotificationServer
from tests.delivery.conftest import NOW, Invite, UseServer
from tests.ledger import check_ledger
from tests.servers.ports import free_port
from tests.servers.smtp import DROP, SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio


async def invite_many(invite: Invite, count: int) -> list[Delivery]:
    people = [await invite("url", name=f"ben{at}", email=f"ben{at}@example.test") for at in range(count)]
    return [one.deliveries["url"] for one in people]


async def test_messages_share_a_line_and_the_last_one_hangs_up(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    async with smtp_pool.keep_connections():
        for row in await invite_many(invite, 3):
            await outbox.deliver(desk, row.id, now=NOW)
    assert smtp_server.connections == 1
    await check_ledger([smtp_server], recipients=3)
    assert len(smtp_server.messages) == 3


async def test_what_is_said_on_a_line_is_sent_at_once(smtp_server: SMTPServer) -> None:
    endpoint = Endpoint("127.0.0.1", smtp_server.port, "none", "localhost", loopback=True, timeout=10)
    client = await connect(endpoint)
    assert client.transport is not None
    assert client.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await client.quit()


async def test_a_refused_recipient_costs_no_line(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    smtp_server.answer("RCPT", "550 5.1.1 nobody here")
    async with smtp_pool.keep_connections():
        first, second = await invite_many(invite, 2)
        await outbox.deliver(desk, first.id, now=NOW)
        await outbox.deliver(desk, second.id, now=NOW)
    assert smtp_server.connections == 1
    assert (await check_ledger([smtp_server], recipients=2)) == {"failed": 1, "sent": 1}


async def test_a_kept_line_that_died_is_replaced_without_a_word(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    async with smtp_pool.keep_connections():
        first, second = await invite_many(invite, 2)
        await outbox.deliver(desk, first.id, now=NOW)
        smtp_server.hang_up()
        await outbox.deliver(desk, second.id, now=NOW)
    assert smtp_server.connections == 2
    assert [(row.status, row.attempt) for row in await Delivery.all()] == [("sent", 1)] * 2


async def test_a_line_left_in_the_middle_of_a_message_is_not_used_again(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    async with smtp_pool.keep_connections():
        first, second = await invite_many(invite, 2)
        smtp_server.answer("DOT", DROP)
        await outbox.deliver(desk, first.id, now=NOW)
        await outbox.deliver(desk, second.id, now=NOW)
    assert smtp_server.connections == 2
    assert await check_ledger([smtp_server], recipients=2) == {"queued": 1, "sent": 1}


async def test_idle_lines_are_closed(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_pool, "IDLE_SECONDS", 0.1)
    await use_server(smtp_server)
    async with smtp_pool.keep_connections():
        first, second = await invite_many(invite, 2)
        await outbox.deliver(desk, first.id, now=NOW)
        await asyncio.sleep(1)
        await outbox.deliver(desk, second.id, now=NOW)
    assert smtp_server.connections == 2


async def test_a_server_gets_no_more_lines_than_it_was_given(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server, connections=2)
    async with smtp_pool.keep_connections():
        rows = await invite_many(invite, 8)
        await asyncio.gather(*(outbox.deliver(desk, row.id, now=NOW) for row in rows))
    assert smtp_server.connections <= 2
    await check_ledger([smtp_server], recipients=8)
    assert len(smtp_server.messages) == 8


async def test_a_message_beyond_the_pace_waits_untouched(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server, rate=2)
    rows = await invite_many(invite, 4)
    for row in rows:
        await outbox.deliver(desk, row.id, now=NOW)
    assert len(smtp_server.messages) == 1
    waiting = await Delivery.filter(status="queued")
    assert [(row.attempt, row.next_try_at) for row in waiting] == [(0, None)] * 3
    later = NOW + timedelta(seconds=45)
    assert len(await outbox.sweep(later)) == 1
    for row in rows:
        await outbox.deliver(desk, row.id, now=later)
    assert len(smtp_server.messages) == 2


@pytest.mark.parametrize("rate", [1, 2, 7, 60, 240])
async def test_no_minute_sees_more_than_the_rate(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer, rate: int
) -> None:
    server = await use_server(smtp_server, rate=rate)
    taken: list[float] = []
    for sweep in range(87):  # one every second and a half
        at = sweep * 1.5
        while await rate_limit.take_slot(server, NOW + timedelta(seconds=at)):
            taken.append(at)
    for first in taken:
        assert len([at for at in taken if first <= at < first + 60]) <= rate
    assert len(taken) >= int(rate * 1.7)


async def test_many_takers_share_one_pace(desk: Desk, use_server: UseServer, smtp_server: SMTPServer) -> None:
    server = await use_server(smtp_server, rate=60)
    took = await asyncio.gather(*(rate_limit.take_slot(server, NOW) for _ in range(20)))
    assert sum(took) == 1


async def test_standbys_stand_in_their_order_and_only_for_an_active_one(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    active = await use_server(smtp_server)
    for at, name in ((2, "second"), (1, "first"), (0, "none")):
        await use_server(smtp_server, name=name, standby=at)
    assert [server.name for server in await servers_in_order()] == ["House mail", "first", "second"]
    await NotificationServer.filter(id=active.id).update(active=False)
    assert await servers_in_order() == []


async def test_a_standby_takes_over_when_the_active_server_cannot_be_reached(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    active = await use_server(smtp_server, name="Down")
    await NotificationServer.filter(id=active.id).update(port=free_port())
    await use_server(smtp_server, name="Spare", standby=1, from_email="spare@example.test")
    async with smtp_pool.keep_connections():
        first, second = await invite_many(invite, 2)
        await outbox.deliver(desk, first.id, now=NOW)
        assert smtp_pool.is_avoided("Down")
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
    [row] = await invite_many(invite, 1)
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


async def test_what_was_revoked_while_it_was_on_its_way_is_never_ended(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("pin")

    async def slow(*args: Any) -> MessageData:  # noqa: ANN401 - passed through
        material = await load_message_data(*args)
        await Invitation.all().update(generation=2)
        return material

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "load_message_data", slow)
        await outbox.deliver(desk, ben.deliveries["pin"].id, now=NOW)
    row = await ben.reload("pin")
    assert (row.status, row.answer, row.lease_until) == ("cancelled", "a newer message took its place", None)
    assert smtp_server.contents == []
    assert await ben.sealed_pin() is None
