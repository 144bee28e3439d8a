"""The queue of messages: each is stored before it is sent, and so is its outcome.

A row goes queued → sending → sent, or back to queued with a next attempt, or failed, or cancelled. A worker holds a row
by its attempt number and a lease: when its lease has ended, another worker raises the number, and the first one's late
result changes nothing. `worker` sends, `claims` takes rows, `outcomes` records results.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from otae.delivery.queue import rate_limit
from otae.delivery.queue.claims import locked_unchanged
from otae.delivery.queue.dispatch import KINDS, MAIL
from otae.delivery.queue.outcomes import (
    DATA_PHASE,
    DEFAULT_RETRIES,
    Claimed,
    record_cancelled,
    record_deferred,
    record_outcome_unknown,
)
from otae.delivery.queue.worker import deliver_all
from otae.delivery.servers import active_server
from otae.delivery.texts.kinds import AFTERWARDS, NEEDED
from otae.errors import StaleState
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation
from otae.store.records import about, note

#: Most rows that one sweep returns for a channel.
SWEEP_LIMIT = 500


async def enqueue(
    invitation: Invitation, kind: str, generation: int, recipient: str, *, now: datetime, channel: str = MAIL
) -> Delivery:
    """Enqueue one message and return its delivery; call inside the transaction that makes it necessary.

    For the same (invitation, kind, generation) the existing row is returned, so that two clicks send one message. Ring
    ("delivery", id) after the transaction.

    Args:
        kind: One of `kinds.KINDS`, or "reminder-1" and so on.
        recipient: A mail address, or a number in E.164 form where ``channel`` is "sms".
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
    """Cancel the queued messages of ``invitation``; call inside the transaction that makes them obsolete.

    A message that is being sent cannot be cancelled: its outcome is recorded, and a further attempt is cancelled.
    """
    for row in await Delivery.filter(invitation_id=invitation.id, status="queued", kind__in=list(kinds)):
        with contextlib.suppress(StaleState):
            await record_cancelled(Claimed(row, invitation), "", now)


async def deliver(desk: Desk, delivery_id: UUID, *, now: datetime) -> None:
    """Send one message: `worker.deliver_all` for a single id."""
    await deliver_all(desk, [delivery_id], now=now)


async def sweep(now: datetime) -> list[UUID]:
    """Requeue rows whose lease has ended, and return the ids of those that a worker should look at."""
    for row in await Delivery.filter(status="sending", lease_until__lt=now).select_related("invitation"):
        with contextlib.suppress(StaleState):
            async with locked_unchanged(row):
                await _requeue(Claimed(row, row.invitation), now)
    late = Q(invitation__valid_until__lte=now) & ~Q(kind__in=AFTERWARDS)
    due = Q(next_try_at__isnull=True) | Q(next_try_at__lte=now)
    ids: list[UUID] = []
    for channel, kind in KINDS.items():
        queued = Delivery.filter(late | due, status="queued", channel=channel).order_by("next_try_at", "created_at")
        ids += [row.id for row in await queued.limit(await _sweep_limit(kind, now)).only("id")]
    return ids


async def _sweep_limit(kind: str, now: datetime) -> int:
    """Return how many rows to return: as many as the active server may be given now, but at least one."""
    server = await active_server(kind)
    free = rate_limit.free_slots(server, now) if server else None
    return SWEEP_LIMIT if free is None else max(1, min(free, SWEEP_LIMIT))


async def _requeue(claimed: Claimed, now: datetime) -> None:
    if claimed.row.phase == DATA_PHASE:
        await record_outcome_unknown(claimed, "the worker ended after the message was handed over", now, retry_now=True)
    else:
        await record_deferred(
            claimed, "the worker ended before the message was handed over", DEFAULT_RETRIES, now, retry_now=True
        )
