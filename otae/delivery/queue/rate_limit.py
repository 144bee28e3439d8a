"""How fast mail may go through a notification server: so many messages a minute, counted over every process."""

from datetime import datetime, timedelta

from otae.store.models import NotificationServer

#: Messages that became due within this many seconds may go out together.
BURST = 3


async def take_slot(server: NotificationServer, now: datetime) -> bool:
    """Take the next message's slot at ``server``; False when it is not due yet, which changes nothing."""
    return await take_slots(server, 1, now) == 1


async def take_slots(server: NotificationServer, wanted: int, now: datetime) -> int:
    """Take the slots of the next messages at ``server``, ``wanted`` at most; return how many were due and are taken.

    No minute ever sees more than ``server.rate`` messages: slots lie a little further apart than a minute divided by
    the rate, by as much as BURST may give in advance.
    """
    if server.rate <= 0:
        return wanted
    while True:
        row = await NotificationServer.get_or_none(id=server.id).only("id", "next_slot_at")
        if row is None:
            return wanted
        due, taken = max(row.next_slot_at or now, now - timedelta(seconds=BURST)), 0
        while due <= now and taken < wanted:
            due, taken = due + apart(server.rate), taken + 1
        if taken == 0:
            return 0
        seen = NotificationServer.filter(id=server.id, next_slot_at=row.next_slot_at)
        if row.next_slot_at is None:
            seen = NotificationServer.filter(id=server.id, next_slot_at__isnull=True)
        if await seen.update(next_slot_at=due) == 1:
            return taken


def free_slots(server: NotificationServer, now: datetime) -> int | None:
    """Return how many messages may go out through ``server`` right now; None when nobody counts."""
    if server.rate <= 0:
        return None
    due = max(server.next_slot_at or now, now - timedelta(seconds=BURST))
    return 0 if due > now else int((now - due) / apart(server.rate)) + 1


def apart(rate: int) -> timedelta:
    """Return the distance between two slots at ``rate`` messages a minute."""
    return timedelta(seconds=(60 + BURST) / rate)
