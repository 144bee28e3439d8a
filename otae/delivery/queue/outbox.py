"""The ledger of messages: what is to be sent stands here before anything is sent, and so does what came of it.

A row goes queued → sending → sent, or back to queued with a next try, or failed, or cancelled. Whoever sends holds the
row by its attempt number and a lease: a worker that slept through its lease finds the number moved on, and what it then
knows changes nothing.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from otae.delivery.queue import rate_limit
from otae.delivery.queue.claims import unless_locked
from otae.delivery.queue.dispatch import KINDS, MAIL
from otae.delivery.queue.outcomes import DATA, NEAR, Claimed, cancelled, deferred, unknown
from otae.delivery.queue.worker import deliver_all
from otae.delivery.servers import active_server
from otae.delivery.texts.kinds import AFTERWARDS, NEEDED
from otae.errors import StaleState
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation
from otae.store.records import about, note

#: Rows handed out by one sweep.
AT_ONCE = 500


async def enqueue(
    invitation: Invitation, kind: str, generation: int, recipient: str, *, now: datetime, channel: str = MAIL
) -> Delivery:
    """Store one message to be sent and return it; call inside the transaction that creates its reason.

    ``recipient``: a mail address, or a number in E.164 form where ``channel`` is "sms".
    ``kind``: one of `kinds.KINDS`, or "reminder-1" and so on. The same (invitation, kind, generation) again returns the
    row that is there: nobody gets a message twice because somebody clicked twice. Ring ("delivery", id) after the
    transaction.
    """
    same = Delivery.filter(invitation_id=invitation.id, kind=kind, generation=generation)
    if found := await same.first():
        return found
    row = Delivery(invitation_id=invitation.id, kind=kind, generation=generation, channel=channel, created_at=now)
    row.recipient = recipient
    row.message_id = f"{row.id}.{generation}"
    try:
        async with transaction():
            await row.save(force_create=True)
            await note("delivery.queued", now=now, about=about(invitation), detail=kind)
    except IntegrityError:
        return await same.get()
    return row


async def cancel(invitation: Invitation, *, now: datetime, kinds: Iterable[str] = NEEDED) -> None:
    """Take back what waits to be sent for ``invitation``; call inside the transaction that makes it pointless.

    A message on its way cannot be taken back: what comes of it is recorded, and a further try is cancelled.
    """
    for row in await Delivery.filter(invitation_id=invitation.id, status="queued", kind__in=list(kinds)):
        with contextlib.suppress(StaleState):
            await cancelled(Claimed(row, invitation), "", now)


async def deliver(desk: Desk, delivery_id: UUID, *, now: datetime) -> None:
    """Send one message, as `rounds.deliver_all` sends many."""
    await deliver_all(desk, [delivery_id], now=now)


async def sweep(now: datetime) -> list[UUID]:
    """Take back rows whose worker died, give up those out of time, and return what a worker should be hinted at."""
    for row in await Delivery.filter(status="sending", lease_until__lt=now).select_related("invitation"):
        with contextlib.suppress(StaleState):
            async with unless_locked(row):
                await _take_back(Claimed(row, row.invitation), now)
    late = Q(invitation__valid_until__lte=now) & ~Q(kind__in=AFTERWARDS)
    due = Q(next_try_at__isnull=True) | Q(next_try_at__lte=now)
    found: list[UUID] = []
    for channel, kind in KINDS.items():
        queued = Delivery.filter(late | due, status="queued", channel=channel).order_by("next_try_at", "created_at")
        found += [row.id for row in await queued.limit(await _at_once(kind, now)).only("id")]
    return found


async def _at_once(kind: str, now: datetime) -> int:
    """Return how many rows are worth a hint: no more than the active server may be given now, and one of them."""
    server = await active_server(kind)
    free = rate_limit.free_slots(server, now) if server else None
    return AT_ONCE if free is None else max(1, min(free, AT_ONCE))


async def _take_back(claimed: Claimed, now: datetime) -> None:
    if claimed.row.phase == DATA:
        await unknown(claimed, "the worker ended after the message was handed over", now, at_once=True)
    else:
        await deferred(claimed, "the worker ended before the message was handed over", NEAR, now, at_once=True)
