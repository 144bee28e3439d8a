"""The delivery worker: claims queued messages in batches and sends them over several connections at a time.

In each process one task for each channel claims messages. When more hints arrive meanwhile, their ids are only appended
to the backlog of that task: this takes no further thread, and an id that is in the backlog already is not added again.
Ids that are lost with the process are found by the sweep.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.delivery import server_refusals
from otae.delivery.mail.smtp_pool import SmtpPool
from otae.delivery.queue import claims
from otae.delivery.queue.attempt import Batch, attempt
from otae.delivery.queue.batch_writer import BatchWriter
from otae.delivery.queue.dispatch import load_batch_data, servers_for, transport_name
from otae.delivery.queue.outcomes import Accepted, Claimed, record_sent
from otae.store.desk import Desk

#: Messages claimed at a time for each permit of a server: claiming many at once is what makes claiming cheap.
CLAIM_AHEAD: Final = 4
#: Messages handed to the catcher at a time.
CATCHER_PERMITS: Final = 4
#: Most ids in a backlog; the sweep comes back to further ones.
MAX_WAITING: Final = 5000


class ChannelBacklog:
    """The ids of one channel's messages that wait in this process, and whether a task is claiming them."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, None] = {}
        self.claiming = False

    def add(self, delivery_ids: Iterable[UUID]) -> None:
        """Append ids, up to MAX_WAITING in all; those that are there already keep their position."""
        for delivery_id in delivery_ids:
            if len(self.waiting) < MAX_WAITING:
                self.waiting[delivery_id] = None

    def take(self, count: int) -> list[UUID]:
        """Remove and return the first ``count`` ids."""
        taken = list(self.waiting)[:count]
        for delivery_id in taken:
            del self.waiting[delivery_id]
        return taken


class DeliveryWorker:
    """The state of this process's delivery worker; a process that runs none has no backlog.

    ``closing``: no further messages are claimed; those that were are still sent.
    """

    def __init__(self) -> None:
        self.closing = False
        self._backlogs: dict[str, ChannelBacklog] | None = None

    @asynccontextmanager
    async def run(self, desk: Desk) -> AsyncIterator[None]:
        """Run as the worker of this process during the block, with connections that stay open between messages."""
        self._backlogs = {}
        try:
            async with desk.resources.get(SmtpPool).keep_connections():
                yield
        finally:
            self._backlogs, self.closing = None, False

    def backlog(self, channel: str) -> ChannelBacklog:
        """Return the backlog of a channel, "mail" or "sms"; without a worker an empty one that is not kept."""
        return ChannelBacklog() if self._backlogs is None else self._backlogs.setdefault(channel, ChannelBacklog())


async def deliver_all(desk: Desk, delivery_ids: Sequence[UUID], *, now: datetime) -> None:
    """Send these messages, except those not queued, not due or claimed elsewhere, and record the outcome of each.

    A row is set to "sending" before a server is contacted. A result that comes after another worker took the row over
    changes nothing. When a task of this process is sending for the channel already, the ids are left to it.
    """
    started = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    queued = await claims.queued_by_channel(delivery_ids)
    await asyncio.gather(*(_deliver_channel(desk, channel, ids, clock) for channel, ids in queued.items()))


async def _deliver_channel(
    desk: Desk, channel: str, delivery_ids: Sequence[UUID], clock: Callable[[], datetime]
) -> None:
    backlog = desk.resources.get(DeliveryWorker).backlog(channel)
    backlog.add(delivery_ids)
    if backlog.claiming:
        return
    backlog.claiming = True
    sending: set[asyncio.Task[None]] = set()
    try:
        await _drain(desk, channel, backlog, clock, sending)
    finally:
        backlog.claiming = False
        await asyncio.gather(*sending)


async def _drain(
    desk: Desk, channel: str, backlog: ChannelBacklog, clock: Callable[[], datetime], sending: set[asyncio.Task[None]]
) -> None:
    """Claim batches and start sending them, until the backlog is empty.

    The next batch is claimed once only few messages of the last one still wait for a permit.
    """
    # Two writers, each with a database connection of its own: sending waits for the first, and that not for the second.
    data_phase_writer = BatchWriter(claims.mark_data_phase)
    accepted_writer: BatchWriter[Accepted] = BatchWriter(lambda accepted: record_sent(accepted, clock()))
    without_permit, worker, pool = _WithoutPermit(), desk.resources.get(DeliveryWorker), desk.resources.get(SmtpPool)
    while backlog.waiting:
        servers = await servers_for(desk, channel)
        name, permits = (servers[0].name, servers[0].connections) if servers else ("", CATCHER_PERMITS)
        rate_limited = bool(servers) and servers[0].rate > 0
        await without_permit.wait_for_at_most(0 if rate_limited else permits)
        if worker.closing:
            return
        delivery_ids = backlog.take(permits if rate_limited else permits * CLAIM_AHEAD)
        claimed_at, due = time.monotonic(), await claims.find_due(delivery_ids, clock())
        if not due:
            continue
        first = servers[0] if servers else None
        claimed_batch = await claims.claim(due, first, clock(), through=transport_name(channel, first))
        if rate_limited and len(claimed_batch) < len(due):
            backlog.waiting.clear()  # the server may not be given more yet
        if not claimed_batch:
            continue
        refusing = await server_refusals.servers_with_refusals(servers)
        batch = Batch(
            await load_batch_data(desk, claimed_batch, clock()),
            servers,
            refusing,
            clock,
            claimed_at,
            data_phase_writer,
            accepted_writer,
        )
        for claimed in claimed_batch:
            without_permit.count += 1
            task = asyncio.create_task(_send_one(batch, claimed, pool.permit(name, permits), without_permit))
            sending.add(task)
            task.add_done_callback(sending.discard)


async def _send_one(
    batch: Batch, claimed: Claimed, permit: AbstractAsyncContextManager[object], without_permit: "_WithoutPermit"
) -> None:
    """Send one message; its permit is held until the outcome is recorded.

    So a worker that dies leaves no more unknown outcomes than there are permits.
    """
    async with permit:
        without_permit.decrement()
        await attempt(batch, claimed)


class _WithoutPermit:
    """Counts the claimed messages that have no permit yet."""

    def __init__(self) -> None:
        self.count = 0
        self._fewer = asyncio.Event()

    def decrement(self) -> None:
        self.count -= 1
        self._fewer.set()

    async def wait_for_at_most(self, count: int) -> None:
        """Wait until no more than ``count`` messages are without a permit."""
        while self.count > count:
            self._fewer.clear()
            await self._fewer.wait()
