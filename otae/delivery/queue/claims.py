"""Whose a message is: what is to be sent now, taken for one attempt, and still ours when its end comes.

A worker holds a row by its attempt number and a lease. Every function here takes many rows at once and tells them
apart: what one of them lost, the others keep.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.expressions import F, Q

from otae.delivery.notices import TROUBLE
from otae.delivery.queue import rate_limit
from otae.delivery.queue.outcomes import DATA, Claimed, cancelled, give_up, ours
from otae.delivery.server_refusals import troubles
from otae.delivery.texts.kinds import AFTERWARDS
from otae.delivery.transport import Superseded
from otae.errors import StaleState
from otae.store.database import transaction
from otae.store.models import Delivery, Invitation, NotificationServer
from otae.store.records import about, advance_all

#: How long one attempt may take; longer than the transport's own limit.
LEASE = timedelta(minutes=2)
#: When a message whose invitation never expires is given up.
TOO_OLD = timedelta(days=5)


async def channels(delivery_ids: Iterable[UUID]) -> dict[str, list[UUID]]:
    """Return which of these messages wait to be sent, by their channel."""
    rows = Delivery.filter(id__in=list(delivery_ids), status="queued")
    found: dict[str, list[UUID]] = {}
    for delivery_id, channel in await rows.values_list("id", "channel"):
        found.setdefault(channel, []).append(delivery_id)
    return found


async def look(delivery_ids: Sequence[UUID], now: datetime) -> list[Claimed]:
    """Return those that are to be sent now, in their order; what must not go out any more is ended here."""
    queued = Delivery.filter(id__in=list(delivery_ids), status="queued").select_related("invitation__person")
    rows = {row.id: row for row in await queued}
    return [
        claimed
        for delivery_id in delivery_ids
        if (row := rows.get(delivery_id)) and await _to_be_sent(claimed := Claimed(row, row.invitation), now)
    ]


async def _to_be_sent(claimed: Claimed, now: datetime) -> bool:
    row, invitation = claimed.row, claimed.invitation
    with contextlib.suppress(StaleState):
        if why := _pointless(row, invitation.status, invitation.generation):
            await cancelled(claimed, why, now)
        elif row.kind == TROUBLE and not await troubles(now):
            await cancelled(claimed, "the notification server takes messages again", now)
        elif _out_of_time(row, invitation, now):
            await give_up(claimed, now)
        else:
            return row.next_try_at is None or row.next_try_at <= now
    return False


async def claim(
    seen: Sequence[Claimed], server: NotificationServer | None, now: datetime, *, through: str
) -> list[Claimed]:
    """Take rows for one attempt each, as they were looked at, and return those that are ours now.

    Left out are rows that moved meanwhile or that somebody has locked: waiting for a worker that was paused in the
    middle of a transaction would hold up everybody. Left out, too, is what ``server`` may not be given yet; the sweep
    comes back to it. ``through``: what the timeline calls the way they go first.
    """
    async with transaction():
        rows = Delivery.filter(id__in=[each.row.id for each in seen], status="queued")
        locked = {row.id: row.attempt for row in await rows.select_for_update(skip_locked=True).only("id", "attempt")}
        taken = await _in_pace([each for each in seen if locked.get(each.row.id) == each.row.attempt], server, now)
        if taken:
            await advance_all(
                [each.row for each in taken],
                "sending",
                event="delivery.sending",
                now=now,
                details=[each.row.kind for each in taken],
                to_whom=[about(each.invitation) for each in taken],
                still=Q(),
                attempt=F("attempt") + 1,
                lease_until=now + LEASE,
                phase="",
                next_try_at=None,
                server_name=through[:100],
            )
    for each in taken:
        each.row.attempt += 1
    return taken


async def _in_pace(seen: list[Claimed], server: NotificationServer | None, now: datetime) -> list[Claimed]:
    """Return those that ``server`` may be given now; a rehearsal's never go there."""
    if server is None or server.rate <= 0:
        return seen
    left = await rate_limit.take_slots(server, sum(not each.invitation.rehearsal for each in seen), now)
    given = []
    for each in seen:
        if each.invitation.rehearsal or left > 0:
            given.append(each)
            left -= not each.invitation.rehearsal
    return given


async def hold_on(claimed: Claimed, through: str, now: datetime) -> None:
    """Begin the lease anew for a message that goes ``through`` this way now; StaleState when it is another's."""
    row = claimed.row
    row.server_name = through[:100]
    if await Delivery.filter(ours([row])).update(server_name=row.server_name, lease_until=now + LEASE) != 1:
        raise _taken_over(row)


async def mark_all(claimed: Sequence[Claimed]) -> list[Exception | None]:
    """Record of each message that the end of its content comes next, and return what keeps it from ending.

    StaleState when the row was taken from us meanwhile, Superseded when the message lost its point: it then goes
    nowhere, as it never ended.
    """
    rows = [each.row for each in claimed]
    if await Delivery.filter(ours(rows)).update(phase=DATA) == len(rows):
        lost: set[UUID] = set()
    else:
        lost = {row.id for row in rows if await Delivery.filter(ours([row])).update(phase=DATA) != 1}
    asked = Invitation.filter(id__in=list({row.invitation_id for row in rows}))
    standing = {one: (status, generation) for one, status, generation in await asked.values_list(*_STANDING)}
    found: list[Exception | None] = []
    for row in rows:
        row.phase = DATA
        why = _pointless(row, *standing.get(row.invitation_id, ("revoked", row.generation)))
        found.append(_taken_over(row) if row.id in lost else Superseded(why) if why else None)
    return found


_STANDING = ("id", "status", "generation")
#: How an invitation ended, in the timeline's words.
_ENDED = {
    "redeemed": "the invitation was redeemed",
    "revoked": "the invitation was revoked",
    "failed": "the invitation failed",
}


@asynccontextmanager
async def unless_locked(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction on ``row`` as it was seen, attempt number included, and keep it so until the transaction ends.

    StaleState when it moved, or when somebody has it locked.
    """
    async with transaction():
        seen = Delivery.filter(id=row.id, status=row.status, attempt=row.attempt)
        if await seen.select_for_update(skip_locked=True).only("id").first() is None:
            raise StaleState(f"delivery {row.id}: somebody else has it")
        yield


def _taken_over(row: Delivery) -> StaleState:
    return StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over")


def _pointless(row: Delivery, status: str, generation: int) -> str | None:
    """Why a message should not go out any more; the end of its time is not a reason here.

    ``status``, ``generation``: of its invitation.
    """
    if row.kind == "confirmation":
        return None
    ended = _ENDED.get(status)
    if ended and (status == "redeemed" or row.kind not in AFTERWARDS):
        return ended
    return "a newer message took its place" if row.generation < generation else None


def _out_of_time(row: Delivery, invitation: Invitation, now: datetime) -> bool:
    if row.kind in AFTERWARDS or invitation.valid_until is None:
        return row.created_at + TOO_OLD <= now
    return invitation.status == "expired" or invitation.valid_until <= now
