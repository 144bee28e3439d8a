"""The ledger of messages: what is to be sent stands here before anything is sent, and so does what came of it.

A row goes queued → sending → sent, or back to queued with a next try, or failed, or cancelled. Whoever sends holds the
row by its attempt number and a lease: a worker that slept through its lease finds the number moved on, and what it then
knows changes nothing.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from otae.delivery import lines, pace
from otae.delivery.bounces import return_address
from otae.delivery.catcher import Catcher
from otae.delivery.compose import compose
from otae.delivery.message import MessageRefused
from otae.delivery.outcomes import DATA, NEAR, Claimed, cancelled, deferred, failed, give_up, sent, unknown
from otae.delivery.servers import ways
from otae.delivery.smtp import smtp_transport
from otae.delivery.transport import NotYet, OutcomeUnknown, Receipt, RefusedForGood, Superseded, Transport, Unreachable
from otae.errors import StaleState
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation, NotificationServer
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
    servers = sorted(await ways(), key=lambda server: lines.is_avoided(server.name))
    async with _place(servers):
        claimed = await _claim(delivery_id, servers, now)
        if claimed is None:
            return
        try:
            await _attempt(desk, claimed, servers, now)
        except StaleState as error:
            log.warning("late result dropped", reason=str(error))


def _place(servers: Sequence[NotificationServer]) -> AbstractAsyncContextManager[None]:
    """Wait for a place before the row is taken: its lease begins when it can be sent."""
    return lines.place(servers[0].name, servers[0].connections) if servers else contextlib.nullcontext()


async def _attempt(desk: Desk, claimed: Claimed, servers: Sequence[NotificationServer], now: datetime) -> None:
    """Try once. Times of what follows are ``now`` plus the time it took."""
    started = time.monotonic()
    retries = servers[0].retries if servers else NEAR

    def later() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    try:
        receipt, by = await _send(desk, claimed, servers, later)
    except Superseded as error:
        await cancelled(claimed, str(error), later())
    except (MessageRefused, RefusedForGood) as error:
        await failed(claimed, str(error), later())
    except NotYet as error:
        await deferred(claimed, str(error), retries, later())
    except OutcomeUnknown as error:
        await unknown(claimed, str(error), later())
    else:
        await sent(claimed, receipt, by, later())


async def _send(
    desk: Desk, claimed: Claimed, servers: Sequence[NotificationServer], later: Callable[[], datetime]
) -> tuple[Receipt, str]:
    """Send by the first server that can be reached; return its receipt and what the timeline calls the way."""
    if not servers or claimed.invitation.rehearsal:
        catcher = Catcher(desk, later(), claimed.invitation.rehearsal)
        return await _send_by(desk, claimed, catcher, None, later), catcher.name
    sender = await return_address(desk, claimed.row.id)
    reasons: list[str] = []
    for at, server in enumerate(servers):
        transport = smtp_transport(desk, server, sender=sender)
        if at > 0 and not await pace.take_slot(server, later()):
            reasons.append(f"{transport.name}: may not be given more this minute")
            continue
        try:
            receipt = await _send_by(desk, claimed, transport, server, later)
        except Unreachable as error:
            lines.avoid(server.name)
            reasons.append(f"{transport.name}: {error}" if len(servers) > 1 else str(error))
        else:
            by = transport.name if server.active else f"standby {transport.name}"
            return receipt, f"{by} ({'; '.join(reasons)})" if reasons else by
    raise NotYet("; ".join(reasons))


async def _send_by(
    desk: Desk,
    claimed: Claimed,
    transport: Transport,
    server: NotificationServer | None,
    later: Callable[[], datetime],
) -> Receipt:
    row = claimed.row
    message = await compose(desk, row, now=later(), server=server)
    row.server_name = transport.name[:100]
    ours = Delivery.filter(id=row.id, status="sending", attempt=row.attempt)
    if await ours.update(server_name=row.server_name, lease_until=later() + LEASE) != 1:
        raise StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over")
    return await transport.send(message, row.recipient, lambda: _mark_data(row))


async def sweep(now: datetime) -> list[UUID]:
    """Take back rows whose worker died, give up those out of time, and return what a worker should be hinted at."""
    for row in await Delivery.filter(status="sending", lease_until__lt=now).select_related("invitation"):
        with contextlib.suppress(StaleState):
            async with _unless_locked(row):
                await _take_back(Claimed(row, row.invitation), now)
    late = Q(invitation__valid_until__lte=now) & ~Q(kind="confirmation")
    due = Q(next_try_at__isnull=True) | Q(next_try_at__lte=now)
    queued = Delivery.filter(late | due, status="queued").order_by("next_try_at", "created_at")
    return [row.id for row in await queued.limit(await _at_once(now)).only("id")]


async def _at_once(now: datetime) -> int:
    """Return how many rows are worth a hint: no more than the active server may be given now, and one of them."""
    servers = await ways()
    free = pace.free_slots(servers[0], now) if servers else None
    return AT_ONCE if free is None else max(1, min(free, AT_ONCE))


async def _take_back(claimed: Claimed, now: datetime) -> None:
    if claimed.row.phase == DATA:
        await unknown(claimed, "the worker ended after the message was handed over", now, at_once=True)
    else:
        await deferred(claimed, "the worker ended before the message was handed over", NEAR, now, at_once=True)


async def _claim(delivery_id: UUID, servers: Sequence[NotificationServer], now: datetime) -> Claimed | None:
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
        async with _unless_locked(row):
            # The claim is this one statement: it holds for the row as it was seen, attempt number included.
            seen = Delivery.filter(id=row.id, status="queued", attempt=row.attempt)
            if await seen.update(attempt=row.attempt + 1) != 1:
                raise StaleState("claimed by another worker")
            if servers and not row.invitation.rehearsal and not await pace.take_slot(servers[0], now):
                raise StaleState("the server may not be given more yet; the sweep comes back to it")
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


@asynccontextmanager
async def _unless_locked(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction on ``row`` as it was seen; StaleState when it moved, or when somebody has it locked.

    Waiting would be wrong: a worker that was paused in the middle of a transaction keeps its lock for as long, and
    must not hold up the others.
    """
    async with transaction():
        seen = Delivery.filter(id=row.id, status=row.status, attempt=row.attempt)
        if await seen.select_for_update(skip_locked=True).first() is None:
            raise StaleState(f"delivery {row.id}: somebody else has it")
        yield


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


async def _mark_data(row: Delivery) -> None:
    """Record that the end of the content comes next.

    StaleState when the row was taken from us meanwhile, Superseded when the message lost its point: it then goes
    nowhere, as it never ended.
    """
    if await Delivery.filter(id=row.id, status="sending", attempt=row.attempt).update(phase=DATA) != 1:
        raise StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over before the end")
    row.phase = DATA
    if why := _pointless(row, await Invitation.get(id=row.invitation_id)):
        raise Superseded(why)
