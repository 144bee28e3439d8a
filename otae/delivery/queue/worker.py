"""How messages that were rung for are worked off: a handful claimed at a time, sent over as many lines as there are.

In each process one round a channel claims; further rings only lengthen its list, so that they cost no thread and a
message rung for twice is looked at once. What is on that list is a hint and no more: the sweep finds it again.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.delivery import server_refusals
from otae.delivery.mail import smtp_pool
from otae.delivery.queue import claims
from otae.delivery.queue.attempt import Handful, attempt
from otae.delivery.queue.batch_writer import Together
from otae.delivery.queue.dispatch import called, load, servers_for
from otae.delivery.queue.outcomes import Accepted, Claimed, sent_all
from otae.store.desk import Desk
from otae.store.models import NotificationServer

#: Messages claimed at a time for each place that a server has: claiming many together is what makes claiming cheap.
AHEAD: Final = 4
#: Messages on their way into the catcher at a time.
CAUGHT: Final = 4
#: Most ids that wait in a process; the sweep comes back to further ones.
WAITING: Final = 5000


class Round:
    """What waits for one channel in this process, and whether somebody is claiming from it."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, None] = {}
        self.claiming = False

    def add(self, delivery_ids: Iterable[UUID]) -> None:
        """Put ids behind those that wait."""
        for delivery_id in delivery_ids:
            if len(self.waiting) < WAITING:
                self.waiting[delivery_id] = None

    def take(self, count: int) -> list[UUID]:
        """Take the first ``count`` ids."""
        taken = list(self.waiting)[:count] if count < len(self.waiting) else list(self.waiting)
        for delivery_id in taken:
            del self.waiting[delivery_id]
        return taken


async def deliver_all(desk: Desk, delivery_ids: Sequence[UUID], *, now: datetime) -> None:
    """Send those of these messages that wait, are due and nobody else has; record what came of each.

    First a row says "sending", then a server is spoken to. A result that comes after another worker took the row over
    changes nothing. When this process is at work on the channel already, they are left to it.
    """
    started = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    found = await claims.channels(delivery_ids)
    await asyncio.gather(*(_hand_over(desk, channel, ids, clock) for channel, ids in found.items()))


async def _hand_over(desk: Desk, channel: str, delivery_ids: Sequence[UUID], clock: Callable[[], datetime]) -> None:
    ours = smtp_pool.kept(channel, Round)
    ours.add(delivery_ids)
    if ours.claiming:
        return
    ours.claiming = True
    sending: set[asyncio.Task[None]] = set()
    try:
        await _work_off(desk, channel, ours, clock, sending)
    finally:
        ours.claiming = False
        await asyncio.gather(*sending)


async def _work_off(
    desk: Desk, channel: str, ours: Round, clock: Callable[[], datetime], sending: set[asyncio.Task[None]]
) -> None:
    """Claim a handful whenever the lines are about to have nothing to do, until nothing waits; send it meanwhile."""
    # Two writers, each with a connection of its own: a mark, which a line waits for, never waits for the records.
    marks = Together(claims.mark_all)
    records: Together[Accepted] = Together(lambda accepted: sent_all(accepted, clock()))
    unplaced = _Unplaced()
    while ours.waiting:
        servers = await servers_for(channel)
        places = servers[0].connections if servers else CAUGHT
        paced = bool(servers) and servers[0].rate > 0
        await unplaced.at_most(0 if paced else places)
        if smtp_pool.is_closing():
            return
        wanted = ours.take(places if paced else places * AHEAD)
        since, seen = time.monotonic(), await claims.look(wanted, clock())
        if not seen:
            continue
        first = servers[0] if servers else None
        taken = await claims.claim(seen, first, clock(), through=called(channel, first))
        if paced and len(taken) < len(seen):
            ours.waiting.clear()  # the server may not be given more yet
        if not taken:
            continue
        refusing = await server_refusals.refusing(servers)
        handful = Handful(await load(desk, taken, clock()), servers, refusing, clock, since, marks, records)
        for claimed in taken:
            unplaced.count += 1
            task = asyncio.create_task(_one(handful, claimed, _place(servers), unplaced))
            sending.add(task)
            task.add_done_callback(sending.discard)


async def _one(
    handful: Handful, claimed: Claimed, place: AbstractAsyncContextManager[None], unplaced: "_Unplaced"
) -> None:
    """Send one message in a place that is held until its outcome is recorded: so many may be in doubt, and no more."""
    async with place:
        unplaced.one_less()
        await attempt(handful, claimed)


def _place(servers: Sequence[NotificationServer]) -> AbstractAsyncContextManager[None]:
    return smtp_pool.place(servers[0].name, servers[0].connections) if servers else smtp_pool.place("", CAUGHT)


class _Unplaced:
    """How many claimed messages have no place yet."""

    def __init__(self) -> None:
        self.count = 0
        self._fewer = asyncio.Event()

    def one_less(self) -> None:
        self.count -= 1
        self._fewer.set()

    async def at_most(self, count: int) -> None:
        """Wait until no more than ``count`` are without a place."""
        while self.count > count:
            self._fewer.clear()
            await self._fewer.wait()
