"""The rate limit of a notification server: messages a minute, counted over all processes.

A message takes a slot. Slots become due one after the other, with `slot_interval` between them.
"""

from datetime import datetime, timedelta

from otae.store.models import NotificationServer

#: Messages that became due within this many seconds may go out together.
BURST = 3


async def take_slot(server: NotificationServer, now: datetime) -> bool:
    """Take a slot at ``server`` for one message; False, and no change, when none is due yet."""
    return await take_slots(server, 1, now) == 1


async def take_slots(server: NotificationServer, count: int, now: datetime) -> int:
    """Take up to ``count`` slots that are due at ``server`` and return how many were taken.

    No minute ever sees more than ``server.rate`` messages: slots lie a little further apart than a minute divided by
    the rate, because those that became due within the last BURST seconds may be taken at once.
    """
    if server.rate <= 0:
        return count
    while True:
        row = await NotificationServer.get_or_none(id=server.id).only("id", "next_slot_at")
        if row is None:
            return count
        due, taken = max(row.next_slot_at or now, now - timedelta(seconds=BURST)), 0
        while due <= now and taken < count:
            due, taken = due + slot_interval(server.rate), taken + 1
        if taken == 0:
            return 0
        if await NotificationServer.filter(id=server.id, next_slot_at=row.next_slot_at).update(next_slot_at=due) == 1:
            return taken


def free_slots(server: NotificationServer, now: datetime) -> int | None:
    """Return how many messages ``server`` may be given right now; None when it has no rate limit."""
    if server.rate <= 0:
        return None
    due = max(server.next_slot_at or now, now - timedelta(seconds=BURST))
    return 0 if due > now else int((now - due) / slot_interval(server.rate)) + 1


def slot_interval(rate: int) -> timedelta:
    """Return the time between two slots at ``rate`` messages a minute."""
    return timedelta(seconds=(60 + BURST) / rate)
