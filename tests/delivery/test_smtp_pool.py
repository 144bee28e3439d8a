"""Lines that stay open, places, pace, and the servers that stand in for one another."""

import asyncio

import pytest

from otae.delivery.mail import smtp_pool
from otae.delivery.queue import outbox
from otae.delivery.servers import servers_in_order
from otae.store.desk import Desk
from otae.store.models import Delivery, NotificationServer
from tests.delivery.conftest import NOW, Invite, UseServer, worker_running
from tests.delivery.queued import queue_many
from tests.ledger import check_ledger
from tests.servers.smtp import DROP, SMTPServer

pytestmark = pytest.mark.anyio


async def test_messages_share_a_line_and_the_last_one_hangs_up(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    async with worker_running(desk):
        for row in await queue_many(invite, 3):
            await outbox.deliver(desk, row.id, now=NOW)
    assert smtp_server.connections == 1
    await check_ledger([smtp_server], recipients=3)
    assert len(smtp_server.messages) == 3


async def test_a_refused_recipient_costs_no_line(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    smtp_server.answer("RCPT", "550 5.1.1 nobody here")
    async with worker_running(desk):
        first, second = await queue_many(invite, 2)
        await outbox.deliver(desk, first.id, now=NOW)
        await outbox.deliver(desk, second.id, now=NOW)
    assert smtp_server.connections == 1
    assert (await check_ledger([smtp_server], recipients=2)) == {"failed": 1, "sent": 1}


async def test_a_kept_line_that_died_is_replaced_without_a_word(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    async with worker_running(desk):
        first, second = await queue_many(invite, 2)
        await outbox.deliver(desk, first.id, now=NOW)
        smtp_server.hang_up()
        await outbox.deliver(desk, second.id, now=NOW)
    assert smtp_server.connections == 2
    assert [(row.status, row.attempt) for row in await Delivery.all()] == [("sent", 1)] * 2


async def test_a_line_left_in_the_middle_of_a_message_is_not_used_again(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    async with worker_running(desk):
        first, second = await queue_many(invite, 2)
        smtp_server.answer("DOT", DROP)
        await outbox.deliver(desk, first.id, now=NOW)
        await outbox.deliver(desk, second.id, now=NOW)
    assert smtp_server.connections == 2
    assert await check_ledger([smtp_server], recipients=2) == {"queued": 1, "sent": 1}


@pytest.mark.slow
async def test_idle_lines_are_closed(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_pool, "IDLE_SECONDS", 0.1)
    await use_server(smtp_server)
    async with worker_running(desk):
        first, second = await queue_many(invite, 2)
        await outbox.deliver(desk, first.id, now=NOW)
        await asyncio.sleep(1)
        await outbox.deliver(desk, second.id, now=NOW)
    assert smtp_server.connections == 2


async def test_a_server_gets_no_more_lines_than_it_was_given(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server, connections=2)
    async with worker_running(desk):
        rows = await queue_many(invite, 8)
        await asyncio.gather(*(outbox.deliver(desk, row.id, now=NOW) for row in rows))
    assert smtp_server.connections <= 2
    await check_ledger([smtp_server], recipients=8)
    assert len(smtp_server.messages) == 8


async def test_standbys_stand_in_their_order_and_only_for_an_active_one(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    active = await use_server(smtp_server)
    for at, name in ((2, "second"), (1, "first"), (0, "none")):
        await use_server(smtp_server, name=name, standby=at)
    assert [server.name for server in await servers_in_order()] == ["House mail", "first", "second"]
    await NotificationServer.filter(id=active.id).update(active=False)
    assert await servers_in_order() == []
