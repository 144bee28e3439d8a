"""Claiming messages: find those that are due, take them for one attempt, and keep them until they are sent.

A worker holds a row by its attempt number and a lease. The functions take many rows at once; a row that another worker
has taken over is left out, and the others are not affected.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.expressions import F, Q

from otae.delivery.notices import TROUBLE
from otae.delivery.queue import rate_limit
from otae.delivery.queue.outcomes import DATA_PHASE, Claimed, record_cancelled, record_expired, still_claimed
from otae.delivery.server_refusals import refusing_servers
from otae.delivery.texts.kinds import AFTERWARDS, ALWAYS, APPROVAL, APPROVED
from otae.delivery.transport import Superseded
from otae.errors import StaleState
from otae.store.database import transaction
from otae.store.models import Approval, Delivery, Invitation, NotificationServer
from otae.store.records import about, advance_all
from otae.store.states import ApprovalStatus

#: How long one attempt may take; longer than any transport's own timeout.
LEASE = timedelta(minutes=2)
#: The age at which a message fails whose invitation never expires.
MAX_AGE = timedelta(days=5)


async def queued_by_channel(delivery_ids: Iterable[UUID]) -> dict[str, list[UUID]]:
    """Return which of these messages are queued: their ids by channel, "mail" or "sms"."""
    rows = Delivery.filter(id__in=list(delivery_ids), status="queued")
    ids_by_channel: dict[str, list[UUID]] = {}
    for delivery_id, channel in await rows.values_list("id", "channel"):
        ids_by_channel.setdefault(channel, []).append(delivery_id)
    return ids_by_channel


async def find_due(delivery_ids: Sequence[UUID], now: datetime) -> list[Claimed]:
    """Return the messages with these ids that are due now, in the given order.

    Messages that must not be sent any more are cancelled, or failed when they are out of time.
    """
    queued = Delivery.filter(id__in=list(delivery_ids), status="queued").select_related("invitation__person")
    rows = {row.id: row for row in await queued}
    return [
        claimed
        for delivery_id in delivery_ids
        if (row := rows.get(delivery_id)) and await _is_due(claimed := Claimed(row, row.invitation), now)
    ]


async def _is_due(claimed: Claimed, now: datetime) -> bool:
    row, invitation = claimed.row, claimed.invitation
    with contextlib.suppress(StaleState):
        if why := _obsolete_because(row, invitation.status, invitation.generation):
            await record_cancelled(claimed, why, now)
        elif row.kind == TROUBLE and not await refusing_servers(now):
            await record_cancelled(claimed, "the notification server takes messages again", now)
        elif row.kind in _DECISIONS and not await Approval.exists(
            invitation_id=invitation.id, status=_DECISIONS[row.kind]
        ):
            await record_cancelled(claimed, "the decision has changed", now)
        elif _out_of_time(row, invitation, now):
            await record_expired(claimed, now)
        else:
            return row.next_try_at is None or row.next_try_at <= now
    return False


async def claim(
    due: Sequence[Claimed], server: NotificationServer | None, now: datetime, *, through: str
) -> list[Claimed]:
    """Claim messages for one attempt each and return those that were claimed.

    Rows that changed since they were read, or that are locked, are left out: waiting for a worker that was paused in
    the middle of a transaction would hold up everybody. Rows beyond the rate limit of ``server`` are left out, too; the
    sweep comes back to them.

    Args:
        due: As `find_due` returned them.
        server: The server they are sent through first; None for the catcher.
        through: Its name in the timeline.
    """
    async with transaction():
        rows = Delivery.filter(id__in=[each.row.id for each in due], status="queued")
        locked = {row.id: row.attempt for row in await rows.select_for_update(skip_locked=True).only("id", "attempt")}
        unchanged = [each for each in due if locked.get(each.row.id) == each.row.attempt]
        claimed = await _within_rate(unchanged, server, now)
        if claimed:
            await advance_all(
                [each.row for each in claimed],
                "sending",
                event="delivery.sending",
                now=now,
                details=[each.row.kind for each in claimed],
                abouts=[about(each.invitation) for each in claimed],
                condition=Q(),
                attempt=F("attempt") + 1,
                lease_until=now + LEASE,
                phase="",
                next_try_at=None,
                server_name=through[:100],
            )
    for each in claimed:
        each.row.attempt += 1
    return claimed


async def _within_rate(messages: list[Claimed], server: NotificationServer | None, now: datetime) -> list[Claimed]:
    """Return those within the rate limit of ``server``; messages of a rehearsal never go there and do not count."""
    if server is None or server.rate <= 0:
        return messages
    left = await rate_limit.take_slots(server, sum(not each.invitation.rehearsal for each in messages), now)
    within = []
    for each in messages:
        if each.invitation.rehearsal or left > 0:
            within.append(each)
            left -= not each.invitation.rehearsal
    return within


async def renew_lease(claimed: Claimed, through: str, now: datetime) -> None:
    """Record that a claimed message is about to be sent through another server, and begin its lease anew.

    Args:
        through: The server's name in the timeline.

    Raises:
        StaleState: Another worker has taken the message over.
    """
    row = claimed.row
    row.server_name = through[:100]
    if await Delivery.filter(still_claimed([row])).update(server_name=row.server_name, lease_until=now + LEASE) != 1:
        raise _taken_over(row)


async def mark_data_phase(claimed: Sequence[Claimed]) -> list[Exception | None]:
    """Record for each message that the end of its content is sent next.

    Returns:
        For each message None, or the error that forbids sending the end: StaleState when another worker has taken the
        row over, Superseded when the message is obsolete. A message whose end is not sent is never delivered.
    """
    rows = [each.row for each in claimed]
    if await Delivery.filter(still_claimed(rows)).update(phase=DATA_PHASE) == len(rows):
        lost: set[UUID] = set()
    else:
        lost = {row.id for row in rows if await Delivery.filter(still_claimed([row])).update(phase=DATA_PHASE) != 1}
    invitations = Invitation.filter(id__in=list({row.invitation_id for row in rows}))
    found = await invitations.values_list("id", "status", "generation")
    current = {one: (status, generation) for one, status, generation in found}
    errors: list[Exception | None] = []
    for row in rows:
        row.phase = DATA_PHASE
        why = _obsolete_because(row, *current.get(row.invitation_id, ("revoked", row.generation)))
        errors.append(_taken_over(row) if row.id in lost else Superseded(why) if why else None)
    return errors


#: The message about an approval, and the state of the request that makes it worth sending.
_DECISIONS = {APPROVAL: ApprovalStatus.WAITING, APPROVED: ApprovalStatus.APPROVED}
#: How an invitation ended, in the timeline's words.
_END_REASONS = {
    "redeemed": "the invitation was redeemed",
    "revoked": "the invitation was revoked",
    "failed": "the invitation failed",
}


@asynccontextmanager
async def locked_unchanged(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction that locks ``row``; StaleState when its status or attempt changed, or when it is locked."""
    async with transaction():
        seen = Delivery.filter(id=row.id, status=row.status, attempt=row.attempt)
        if await seen.select_for_update(skip_locked=True).only("id").first() is None:
            raise StaleState(f"delivery {row.id}: somebody else has it")
        yield


def _taken_over(row: Delivery) -> StaleState:
    return StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over")


def _obsolete_because(row: Delivery, status: str, generation: int) -> str | None:
    """Return why a message must not be sent any more, given its invitation's status and generation; None if it may.

    Expiry is not a reason here: see `_out_of_time`.
    """
    if row.kind in ALWAYS:
        return None
    ended = _END_REASONS.get(status)
    if ended and (status == "redeemed" or row.kind not in AFTERWARDS):
        return ended
    return "a newer message took its place" if row.generation < generation else None


def _out_of_time(row: Delivery, invitation: Invitation, now: datetime) -> bool:
    if row.kind in AFTERWARDS or invitation.valid_until is None:
        return row.created_at + MAX_AGE <= now
    return invitation.status == "expired" or invitation.valid_until <= now
