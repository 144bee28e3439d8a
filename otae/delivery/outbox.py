"""The ledger of messages: what is to be sent stands here before anything is sent, and so does what came of it.

A row goes queued → sending → sent, or back to queued with a next try, or failed, or cancelled. Whoever sends holds the
row by its attempt number and a lease: a worker that slept through its lease finds the number moved on, and what it then
knows changes nothing.
"""

import contextlib
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from otae.delivery.catcher import Catcher
from otae.delivery.compose import compose
from otae.delivery.message import MessageRefused
from otae.delivery.outcomes import DATA, NEAR, Claimed, cancelled, deferred, failed, give_up, sent, unknown
from otae.delivery.servers import active_server
from otae.delivery.smtp import smtp_transport
from otae.delivery.transport import NotYet, OutcomeUnknown, RefusedForGood, Transport
from otae.errors import StaleState
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation
from otae.store.records import about, advance, note

#: How long one attempt may take; longer than the transport's own limit.
LEASE = timedelta(minutes=2)
#: Rows handed out by one sweep.
AT_ONCE = 200
#: When a message whose invitation never expires is given up.
TOO_OLD = timedelta(days=5)

log = structlog.get_logger("otae.delivery")


async def enqueue(invitation: Invitation, kind: str, generation: int, recipient: str, *, now: datetime) -> Delivery:
    """Store one message to be sent and return it; call inside the transaction that creates its reason.

    ``kind``: "url", "pin" or "confirmation". The same (invitation, kind, generation) again returns the row that is
    there: nobody gets a message twice because somebody clicked twice. Ring ("delivery", id) after the transaction.
    """
    same = Delivery.filter(invitation_id=invitation.id, kind=kind, generation=generation)
    if found := await same.first():
        return found
    row = Delivery(invitation_id=invitation.id, kind=kind, generation=generation, recipient=recipient, created_at=now)
    row.message_id = f"{row.id}.{generation}"
    try:
        async with transaction():
            await row.save(force_create=True)
            await note("delivery.queued", now=now, about=about(invitation), detail=kind)
    except IntegrityError:
        return await same.get()
    return row


async def cancel(invitation: Invitation, *, now: datetime, kinds: Iterable[str] = ("url", "pin")) -> None:
    """Take back what waits to be sent for ``invitation``; call inside the transaction that makes it pointless.

    A message on its way cannot be taken back: what comes of it is recorded, and a further try is cancelled.
    """
    for row in await Delivery.filter(invitation_id=invitation.id, status="queued", kind__in=list(kinds)):
        with contextlib.suppress(StaleState):
            await cancelled(Claimed(row, invitation), "", now)


async def deliver(desk: Desk, delivery_id: UUID, *, now: datetime) -> None:
    """Send one message, if it waits, is due and nobody else has it; record what came of it.

    First the row says "sending", then the server is spoken to. A result that comes after another worker took the row
    over is logged and changes nothing.
    """
    claimed = await _claim(delivery_id, now)
    if claimed is None:
        return
    try:
        await _attempt(desk, claimed, now)
    except StaleState as error:
        log.warning("late result dropped", reason=str(error))


async def _attempt(desk: Desk, claimed: Claimed, now: datetime) -> None:
    """Try once. Times of what follows are ``now`` plus the time it took."""
    started, retries = time.monotonic(), NEAR

    def later() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    try:
        transport, retries = await _transport(desk, claimed.invitation, now)
        await _name_way(claimed.row, transport)
        message = await compose(desk, claimed.row, now=now)
        receipt = await transport.send(message, claimed.row.recipient, lambda: _mark_data(claimed.row))
    except (MessageRefused, RefusedForGood) as error:
        await failed(claimed, str(error), later())
    except NotYet as error:
        await deferred(claimed, str(error), retries, later())
    except OutcomeUnknown as error:
        await unknown(claimed, str(error), later())
    else:
        await sent(claimed, receipt, transport, later())


async def sweep(now: datetime) -> list[UUID]:
    """Take back rows whose worker died, give up those out of time, and return what a worker should be hinted at."""
    for row in await Delivery.filter(status="sending", lease_until__lt=now).select_related("invitation"):
        with contextlib.suppress(StaleState):
            await _take_back(Claimed(row, row.invitation), now)
    late = Q(invitation__valid_until__lte=now) & ~Q(kind="confirmation")
    due = Q(next_try_at__isnull=True) | Q(next_try_at__lte=now)
    queued = Delivery.filter(late | due, status="queued").order_by("next_try_at", "created_at")
    return [row.id for row in await queued.limit(AT_ONCE).only("id")]


async def _take_back(claimed: Claimed, now: datetime) -> None:
    if claimed.row.phase == DATA:
        await unknown(claimed, "the worker ended after the message was handed over", now, at_once=True)
    else:
        await deferred(claimed, "the worker ended before the message was handed over", NEAR, now, at_once=True)


async def _claim(delivery_id: UUID, now: datetime) -> Claimed | None:
    """Take the row for one attempt; None when it is not ours to send (any more)."""
    row = await Delivery.get_or_none(id=delivery_id).select_related("invitation")
    if row is None or row.status != "queued":
        return None
    claimed = Claimed(row, row.invitation)
    with contextlib.suppress(StaleState):
        if why := _pointless(row, row.invitation):
            await cancelled(claimed, why, now)
            return None
        if _out_of_time(row, row.invitation, now):
            await give_up(claimed, now)
            return None
        if row.next_try_at and row.next_try_at > now:
            return None
        async with transaction():
            # The claim is this one statement: it holds for the row as it was seen, attempt number included.
            seen = Delivery.filter(id=row.id, status="queued", attempt=row.attempt)
            if await seen.update(attempt=row.attempt + 1) != 1:
                raise StaleState("claimed by another worker")
            row.attempt += 1
            await advance(
                row,
                "sending",
                event="delivery.sending",
                now=now,
                detail=row.kind,
                to_whom=about(row.invitation),
                lease_until=now + LEASE,
                phase="",
                next_try_at=None,
            )
        return claimed
    return None


def _pointless(row: Delivery, invitation: Invitation) -> str | None:
    """Why a message should not go out any more; the end of its time is not a reason here."""
    if row.kind == "confirmation":
        return None
    if invitation.status in {"revoked", "redeemed", "failed"}:
        return f"the invitation is {invitation.status}"
    if row.generation < invitation.generation:
        return "a newer message took its place"
    return None


def _out_of_time(row: Delivery, invitation: Invitation, now: datetime) -> bool:
    if row.kind == "confirmation" or invitation.valid_until is None:
        return row.created_at + TOO_OLD <= now
    return invitation.status == "expired" or invitation.valid_until <= now


async def _transport(desk: Desk, invitation: Invitation, now: datetime) -> tuple[Transport, int]:
    """Return the way out and how many near retries it asks for."""
    server = None if invitation.rehearsal else await active_server()
    if server is None:
        return Catcher(desk, now, invitation.rehearsal), NEAR
    return smtp_transport(desk, server), server.retries


async def _name_way(row: Delivery, transport: Transport) -> None:
    row.server_name = transport.name[:100]
    await Delivery.filter(id=row.id, status="sending", attempt=row.attempt).update(server_name=row.server_name)


async def _mark_data(row: Delivery) -> None:
    """Record that the end of the content comes next; StaleState when the row was taken from us meanwhile."""
    if await Delivery.filter(id=row.id, status="sending", attempt=row.attempt).update(phase=DATA) != 1:
        raise StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over before the end")
    row.phase = DATA
