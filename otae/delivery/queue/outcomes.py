"""Recording the outcome of an attempt to send: sent, deferred, failed, cancelled or bounced.

Only the worker that made the attempt may record it. Each function is one transaction and raises StaleState, changing
nothing, when another worker has taken the row over; `record_sent`, the usual outcome, takes many rows at once.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Case, Q, When

from otae.delivery.notices import notify_failure
from otae.delivery.texts.kinds import AFTERWARDS, NEEDED
from otae.delivery.transport import Receipt
from otae.errors import StaleState
from otae.store import rollout
from otae.store.database import transaction
from otae.store.models import Delivery, EnrollmentSession, Invitation, Pin
from otae.store.records import about, advance, advance_all
from otae.store.rollout import Step

#: The delay after the n-th attempt; the last value applies to all further retries that the server's settings allow.
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
#: The delay after each attempt beyond those.
LATE_RETRY_DELAY = timedelta(hours=4)
#: Retries at RETRY_DELAYS where no server sets their number.
DEFAULT_RETRIES = 5
#: The phase of a row whose content may have been ended: from then on the outcome may stay unknown.
DATA_PHASE = "data"
NOT_IN_TIME = "not sent before the invitation expired"
#: Pattern of text that may be a PIN.
_LIKE_A_PIN: Final = r"|\d{6,}|\b(?=[A-Z]*[2-9])(?=[2-9]*[A-Z])[2-9A-HJ-NP-Z]{6,16}\b"


@dataclass(frozen=True)
class Claimed:
    """A delivery that this worker holds, with its invitation."""

    row: Delivery
    invitation: Invitation


@dataclass(frozen=True)
class Accepted:
    """A message that a server accepted. ``by``: the server's name in the timeline."""

    claimed: Claimed
    receipt: Receipt
    by: str


def still_claimed(rows: Iterable[Delivery]) -> Q:
    """Return the condition that ``rows`` are still "sending" in the attempts they were claimed for."""
    attempts: dict[int, list[UUID]] = {}
    for row in rows:
        attempts.setdefault(row.attempt, []).append(row.id)
    by_attempt = [Q(id__in=ids, attempt=attempt) for attempt, ids in attempts.items()]
    return Q(Q(*by_attempt, join_type="OR"), status="sending")


@asynccontextmanager
async def _claim_locked(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction that first locks the row; StaleState when another worker has taken it over."""
    async with transaction():
        if await Delivery.filter(still_claimed([row])).update(lease_until=None) != 1:
            raise StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over")
        yield


async def record_sent(accepted: Sequence[Accepted], now: datetime) -> list[Exception | None]:
    """Record that servers accepted these messages, and wipe the sealed PINs they carried in the same transaction.

    Returns:
        For each message None, or StaleState when another worker has taken its row over; the others are recorded.
    """
    try:
        await _record_sent_together(accepted, now)
    except StaleState as error:
        if len(accepted) == 1:
            return [error]
        return [outcome for each in accepted for outcome in await record_sent([each], now)]
    return [None] * len(accepted)


async def _record_sent_together(accepted: Sequence[Accepted], now: datetime) -> None:
    """Record all of ``accepted`` in one transaction; StaleState, and none recorded, when one row was taken over."""
    rows = [each.claimed.row for each in accepted]
    answers = {each.claimed.row.id: without_secrets(each.claimed.row, each.receipt.words) for each in accepted}
    async with transaction():
        await rollout.reach(Step.ACCEPTED, [row.invitation_id for row in rows if row.kind == "url"], now=now)
        await advance_all(
            rows,
            "sent",
            event="delivery.sent",
            now=now,
            details=[f"{each.claimed.row.kind}: accepted by {each.by}" for each in accepted],
            abouts=[about(each.claimed.invitation) for each in accepted],
            condition=still_claimed(rows),
            sent_at=now,
            answer=_value_per_row(answers),
            phase="",
            lease_until=None,
        )
        await _forget_pins(rows)


def _value_per_row(values: Mapping[UUID, str]) -> str | Case:
    """Return an expression that sets a column to a value of its own for each row id, in one statement."""
    different = set(values.values())
    if len(different) == 1:
        return different.pop()
    return Case(*(When(id=one, then=value) for one, value in values.items()))


async def _advance(
    claimed: Claimed,
    to: str,
    words: str,
    now: datetime,
    *,
    event: str,
    **changes: Any,  # noqa: ANN401 - values of columns
) -> None:
    """Move a row to another status; ``words`` is stored as its answer and in its event."""
    changes.setdefault("answer", words)
    detail, event_about = f"{claimed.row.kind}: {words}", about(claimed.invitation)
    await advance(claimed.row, to, event=event, now=now, detail=detail, event_about=event_about, **changes)


async def record_deferred(
    claimed: Claimed,
    words: str,
    retries: int,
    now: datetime,
    *,
    retry_now: bool = False,
    may_have_arrived: bool = False,
    by_policy: bool = False,
) -> None:
    """Put a message back into the queue for another attempt.

    Args:
        retries: After how many attempts the waits of RETRY_DELAYS apply; after later ones it is LATE_RETRY_DELAY.
        retry_now: Make the message due at once.
        may_have_arrived: The outcome of this attempt is unknown.
        by_policy: The refusal may be about the recipient or about everybody (see `transport.PolicyRefused`).
    """
    row, words = claimed.row, without_secrets(claimed.row, words)
    delay = LATE_RETRY_DELAY if row.attempt > retries else RETRY_DELAYS[min(row.attempt, len(RETRY_DELAYS)) - 1]
    async with _claim_locked(row):
        await _advance(
            claimed,
            "queued",
            words,
            now,
            event="delivery.deferred",
            next_try_at=now if retry_now else now + delay,
            phase="",
            outcome_unknown=may_have_arrived or row.outcome_unknown,
            policy_refused=by_policy or row.policy_refused,
        )


async def record_outcome_unknown(claimed: Claimed, words: str, now: datetime, *, retry_now: bool = False) -> None:
    """Queue one more attempt with the same Message-ID, so that the receiver can drop a copy; the second time, fail."""
    if not claimed.row.outcome_unknown:
        await record_deferred(
            claimed, f"outcome unknown: {words}", DEFAULT_RETRIES, now, retry_now=retry_now, may_have_arrived=True
        )
        return
    await record_failed(claimed, f"outcome unknown, twice: {words}; it may have arrived", now, may_have_arrived=True)


async def record_failed(claimed: Claimed, words: str, now: datetime, *, may_have_arrived: bool = False) -> None:
    """Record that a message failed for good, and notify the administrator who invited.

    When the message was the link, the invitation fails. When it was the PIN, the invitation stays pending: the link
    works, and a new PIN can be sent. A message that may have arrived has neither consequence.
    """
    row, words = claimed.row, without_secrets(claimed.row, words)
    async with _invitation_locked(row), _claim_locked(row):
        await _forget_pins([row])
        await _advance(claimed, "failed", words, now, event="delivery.failed")
        if not may_have_arrived:
            await _handle_undelivered(row, words, now)


@asynccontextmanager
async def _invitation_locked(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction that locks the invitation first, as resend and revoke do, so that none deadlocks with it."""
    async with transaction():
        await Invitation.filter(id=row.invitation_id).select_for_update().first()
        yield


async def _handle_undelivered(row: Delivery, words: str, now: datetime) -> None:
    """Fail the invitation of a message that failed, or notify; call inside the transaction of `_invitation_locked`."""
    if row.kind == "url":
        await _fail_invitation(row.invitation_id, words, now)
    elif row.kind in NEEDED:
        await _notify_if_still_pending(row, now)


async def _notify_if_still_pending(row: Delivery, now: datetime) -> None:
    """Notify that a message did not arrive, unless a newer one was sent or the person has signed in since."""
    invitation = await Invitation.get(id=row.invitation_id)
    signed_in = EnrollmentSession.filter(invitation_id=invitation.id, opened_at__gte=row.created_at)
    if invitation.status == "pending" and row.generation == invitation.generation and not await signed_in.exists():
        await notify_failure(invitation, now=now)


async def _fail_invitation(invitation_id: UUID, words: str, now: datetime) -> None:
    invitation = await Invitation.get(id=invitation_id)
    if invitation.status == "pending":
        with contextlib.suppress(StaleState):
            await advance(
                invitation, "failed", event="invitation.failed", now=now, detail=f"the message failed: {words}"
            )
            await notify_failure(invitation, now=now)


async def record_expired(claimed: Claimed, now: datetime) -> None:
    """Fail a queued row that is out of time and wipe its PIN; StaleState when another worker has taken it."""
    row = claimed.row
    by_invitation = claimed.invitation.valid_until is not None and row.kind not in AFTERWARDS
    words = NOT_IN_TIME if by_invitation else "not sent within five days"
    words = f"{words}; last answer: {row.answer}" if row.answer else words
    async with _invitation_locked(row):
        await _forget_pins([row])
        await _advance(claimed, "failed", words, now, event="delivery.failed", answer=words[:500])
        if claimed.invitation.valid_until is None:
            await _handle_undelivered(row, words, now)


async def record_cancelled(claimed: Claimed, why: str, now: datetime) -> None:
    """Cancel a row and wipe the PIN it carries; StaleState when another worker has taken it."""
    row = claimed.row
    detail = f"{row.kind}: {why}" if why else row.kind
    async with _claim_locked(row) if row.status == "sending" else transaction():
        await advance(
            row,
            "cancelled",
            event="delivery.cancelled",
            now=now,
            detail=detail,
            event_about=about(claimed.invitation),
            answer=why,
            phase="",
            lease_until=None,
        )
        await _forget_pins([row])


async def record_bounced(row: Delivery, invitation: Invitation, words: str, now: datetime) -> None:
    """Record that a message came back; StaleState when the row is not "sent" any more.

    The administrator who invited is notified when it was the link or PIN of an invitation that is still pending.
    """
    words = without_secrets(row, words)[:500]
    async with _invitation_locked(row):
        await _advance(Claimed(row, invitation), "bounced", words, now, event="delivery.bounced")
        if row.kind in NEEDED:
            await _notify_if_still_pending(row, now)


async def _forget_pins(rows: Iterable[Delivery]) -> None:
    """Wipe the sealed PINs of those of ``rows`` that carry one; call inside a transaction."""
    carried: dict[int, list[UUID]] = {}
    for row in rows:
        if row.kind == "pin":
            carried.setdefault(row.generation, []).append(row.invitation_id)
    for generation, invitation_ids in carried.items():
        await Pin.filter(invitation_id__in=invitation_ids, generation=generation).update(pin_sealed=None)


def without_secrets(row: Delivery, words: str) -> str:
    """Return a server's answer without the invitation token, PIN or approver's link that it may have quoted.

    When the report of a bounce arrives, the PIN is not stored any more, so whatever looks like one is left out.
    """
    secret = r"ep-[A-Za-z0-9_-]{6,}|(?<=a=)[A-Za-z0-9_-]{22}" + (_LIKE_A_PIN if row.kind == "pin" else "")
    return re.sub(secret, "…", words)
