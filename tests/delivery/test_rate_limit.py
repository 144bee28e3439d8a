"""No minute sees more messages than a server may be given, however many processes ask."""

import asyncio
from datetime import timedelta

import pytest

from otae.delivery.queue import outbox, rate_limit
from otae.store.desk import Desk
from otae.store.models import Delivery
from tests.delivery.conftest import NOW, Invite, UseServer
from tests.delivery.queued import queue_many
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio


async def test_a_message_beyond_the_pace_waits_untouched(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server, rate=2)
    rows = await queue_many(invite, 4)
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
