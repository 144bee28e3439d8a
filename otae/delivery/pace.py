"""How fast mail may go through a notification server: so many messages a minute, counted over every process."""

from datetime import datetime, timedelta

from otae.store.models import NotificationServer

#: Messages that became due within this many seconds may go out together.
BURST = 3


async def take_slot(server: NotificationServer, now: datetime) -> bool:
    """Take the next message's slot at ``server``; False when it is not due yet, which changes nothing.

    No minute ever sees more than ``server.rate`` messages: slots lie a little further apart than a minute divided by
    the rate, by as much as BURST may give in advance.
    """
    if server.rate <= 0:
        return True
    while True:
        row = await NotificationServer.get_or_none(id=server.id).only("id", "next_slot_at")
        if row is None:
            return True
        due = max(row.next_slot_at or now, now - timedelta(seconds=BURST))
        if due > now:
            return False
        seen = NotificationServer.filter(id=server.id, next_slot_at=row.next_slot_at)
        if row.next_slot_at is None:
            seen = NotificationServer.filter(id=server.id, next_slot_at__isnull=True)
        if await seen.update(next_slot_at=due + apart(server.rate)) == 1:
            return True


def free_slots(server: NotificationServer, now: datetime) -> int | None:
    """Return how many messages may go out through ``server`` right now; None when nobody counts."""
    if server.rate <= 0:
        return None
    due = max(server.next_slot_at or now, now - timedelta(seconds=BURST))
    return 0 if due > now else int((now - due) / apart(server.rate)) + 1


def apart(rate: int) -> timedelta:
    """Return the distance between two slots at ``rate`` messages a minute."""
    return timedelta(seconds=(60 + BURST) / rate)
