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
from otae.delivery.dispatch import KINDS, MAIL, Way, by_catcher, by_server, servers_for
from otae.delivery.kinds import AFTERWARDS
from otae.delivery.message import MessageRefused
from otae.delivery.outcomes import DATA, NEAR, Claimed, cancelled, deferred, failed, give_up, sent, unknown
from otae.delivery.servers import active_server
from otae.delivery.transport import NotYet, OutcomeUnknown, Receipt, RefusedForGood, Superseded, Unreachable
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
    claimed = await _look(delivery_id, now)
    if claimed is None:
        return
    servers = await servers_for(claimed.row.channel)
    async with _place(servers):
        if not await _claim(claimed, servers, now):
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
        way = by_catcher(desk, claimed, later())
        return await _send_by(claimed, way, later), way.name
    reasons: list[str] = []
    for at, server in enumerate(servers):
        way = await by_server(desk, claimed, server, later())
        if at > 0 and not await pace.take_slot(server, later()):
            reasons.append(f"{way.name}: may not be given more this minute")
            continue
        try:
            receipt = await _send_by(claimed, way, later)
        except Unreachable as error:
            lines.avoid(server.name)
            reasons.append(f"{way.name}: {error}" if len(servers) > 1 else str(error))
        else:
            by = way.name if server.active else f"standby {way.name}"
            return receipt, f"{by} ({'; '.join(reasons)})" if reasons else by
    raise NotYet("; ".join(reasons))


async def _send_by(claimed: Claimed, way: Way, later: Callable[[], datetime]) -> Receipt:
    row = claimed.row
    row.server_name = way.name[:100]
    ours = Delivery.filter(id=row.id, status="sending", attempt=row.attempt)
    if await ours.update(server_name=row.server_name, lease_until=later() + LEASE) != 1:
        raise StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over")
    return await way.send(lambda: _mark_data(row))


async def sweep(now: datetime) -> list[UUID]:
    """Take back rows whose worker died, give up those out of time, and return what a worker should be hinted at."""
    for row in await Delivery.filter(status="sending", lease_until__lt=now).select_related("invitation"):
        with contextlib.suppress(StaleState):
            async with _unless_locked(row):
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
    free = pace.free_slots(server, now) if server else None
    return AT_ONCE if free is None else max(1, min(free, AT_ONCE))


async def _take_back(claimed: Claimed, now: datetime) -> None:
    if claimed.row.phase == DATA:
        await unknown(claimed, "the worker ended after the message was handed over", now, at_once=True)
    else:
        await deferred(claimed, "the worker ended before the message was handed over", NEAR, now, at_once=True)


async def _look(delivery_id: UUID, now: datetime) -> Claimed | None:
    """Return the row when it is to be sent now; what must not go out any more is ended here."""
    row = await Delivery.get_or_none(id=delivery_id).select_related("invitation")
    if row is None or row.status != "queued":
        return None
    claimed = Claimed(row, row.invitation)
    with contextlib.suppress(StaleState):
        if why := _pointless(row, row.invitation):
            await cancelled(claimed, why, now)
        elif _out_of_time(row, row.invitation, now):
            await give_up(claimed, now)
        elif row.next_try_at is None or row.next_try_at <= now:
            return claimed
    return None


async def _claim(claimed: Claimed, servers: Sequence[NotificationServer], now: datetime) -> bool:
    """Take the row for one attempt, as it was looked at; False when it moved meanwhile, or may not go out yet."""
    row = claimed.row
    with contextlib.suppress(StaleState):
        async with _unless_locked(row):
            if servers and not claimed.invitation.rehearsal and not await pace.take_slot(servers[0], now):
                raise StaleState("the server may not be given more yet; the sweep comes back to it")
            await advance(
                row,
                "sending",
                event="delivery.sending",
                now=now,
                detail=row.kind,
                to_whom=about(claimed.invitation),
                attempt=row.attempt + 1,
                lease_until=now + LEASE,
                phase="",
                next_try_at=None,
            )
        return True
    return False


@asynccontextmanager
async def _unless_locked(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction on ``row`` as it was seen, attempt number included, and keep it so until the transaction ends.

    StaleState when it moved, or when somebody has it locked.

    Waiting would be wrong: a worker that was paused in the middle of a transaction keeps its lock for as long, and
    must not hold up the others.
    """
    async with transaction():
        seen = Delivery.filter(id=row.id, status=row.status, attempt=row.attempt)
        if await seen.select_for_update(skip_locked=True).only("id").first() is None:
            raise StaleState(f"delivery {row.id}: somebody else has it")
        yield


def _pointless(row: Delivery, invitation: Invitation) -> str | None:
    """Why a message should not go out any more; the end of its time is not a reason here."""
    if row.kind == "confirmation":
        return None
    ends = {"redeemed"} if row.kind in AFTERWARDS else {"revoked", "redeemed", "failed"}
    if invitation.status in ends:
        return f"the invitation is {invitation.status}"
    if row.generation < invitation.generation:
        return "a newer message took its place"
    return None


def _out_of_time(row: Delivery, invitation: Invitation, now: datetime) -> bool:
    if row.kind in AFTERWARDS or invitation.valid_until is None:
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
    if why := _pointless(row, await Invitation.get(id=row.invitation_id).only("id", "status", "generation")):
        raise Superseded(why)
