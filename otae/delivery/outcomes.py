"""What came of an attempt to send, written only by whoever made that very attempt.

Each function is one transaction and raises StaleState, changing nothing, when the row has been taken over meanwhile.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from otae.delivery.kinds import AFTERWARDS
from otae.delivery.notices import tell_of_failure
from otae.delivery.transport import Receipt
from otae.errors import StaleState
from otae.store.database import transaction
from otae.store.models import Delivery, Invitation, Pin
from otae.store.records import about, advance

#: How long after its n-th try a message is tried again; the last value stays for all the retries the server asks for.
DISTANCES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
#: How long after that.
FAR = timedelta(hours=4)
#: Retries at growing distance where no server says how many.
NEAR = 5
#: The phase from which on the outcome may stay unknown.
DATA = "data"
NOT_IN_TIME = "not sent before the invitation expired"


@dataclass(frozen=True)
class Claimed:
    """A delivery that this worker holds, with its invitation."""

    row: Delivery
    invitation: Invitation


@asynccontextmanager
async def _held(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction that begins by locking the row for this very attempt; StaleState when it is another's."""
    async with transaction():
        ours = Delivery.filter(id=row.id, status="sending", attempt=row.attempt)
        if await ours.update(lease_until=None) != 1:
            raise StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over")
        yield


async def sent(claimed: Claimed, receipt: Receipt, by: str, now: datetime) -> None:
    """The server took the message, ``by`` this way; the readable copy of its PIN goes in the same transaction."""
    row = claimed.row
    async with _held(row):
        await _forget_pin(row)
        await advance(
            row,
            "sent",
            event="delivery.sent",
            now=now,
            detail=f"{row.kind}: accepted by {by}",
            to_whom=about(claimed.invitation),
            sent_at=now,
            answer=_without_secrets(row, receipt.words),
            phase="",
        )


async def deferred(
    claimed: Claimed, words: str, retries: int, now: datetime, *, at_once: bool = False, may_have_arrived: bool = False
) -> None:
    """The message waits for its next try: ``retries`` tries at growing distance, then far ones."""
    row, words = claimed.row, _without_secrets(claimed.row, words)
    distance = FAR if row.attempt > retries else DISTANCES[min(row.attempt, len(DISTANCES)) - 1]
    async with _held(row):
        await advance(
            row,
            "queued",
            event="delivery.deferred",
            now=now,
            detail=f"{row.kind}: {words}",
            to_whom=about(claimed.invitation),
            next_try_at=now if at_once else now + distance,
            answer=words,
            phase="",
            outcome_unknown=may_have_arrived or row.outcome_unknown,
        )


async def unknown(claimed: Claimed, words: str, now: datetime, *, at_once: bool = False) -> None:
    """Try once more with the same Message-ID, which lets the receiver drop a second copy; then leave it open."""
    if not claimed.row.outcome_unknown:
        await deferred(claimed, f"outcome unknown: {words}", NEAR, now, at_once=at_once, may_have_arrived=True)
        return
    await failed(claimed, f"outcome unknown, twice: {words}; it may have arrived", now, may_have_arrived=True)


async def failed(claimed: Claimed, words: str, now: datetime, *, may_have_arrived: bool = False) -> None:
    """Give the message up. An invitation whose link cannot reach anybody fails with it."""
    row, words = claimed.row, _without_secrets(claimed.row, words)
    async with _in_order(row), _held(row):
        detail = f"{row.kind}: {words}"
        await advance(
            row,
            "failed",
            event="delivery.failed",
            now=now,
            detail=detail,
            to_whom=about(claimed.invitation),
            answer=words,
        )
        if row.kind == "url" and not may_have_arrived:
            await _fail_invitation(claimed.invitation.id, words, now)


@asynccontextmanager
async def _in_order(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction that takes the rows as a resend or revoke takes them: the invitation before the delivery."""
    async with transaction():
        await Invitation.filter(id=row.invitation_id).select_for_update().first()
        yield


async def _fail_invitation(invitation_id: UUID, words: str, now: datetime) -> None:
    invitation = await Invitation.get(id=invitation_id)
    if invitation.status == "pending":
        with contextlib.suppress(StaleState):
            await advance(
                invitation, "failed", event="invitation.failed", now=now, detail=f"the message failed: {words}"
            )
            await tell_of_failure(invitation, now=now)


async def give_up(claimed: Claimed, now: datetime) -> None:
    """Give up a queued row whose time is over, and the PIN it would have carried; StaleState when somebody took it."""
    row = claimed.row
    by_invitation = claimed.invitation.valid_until is not None and row.kind not in AFTERWARDS
    words = NOT_IN_TIME if by_invitation else "not sent within five days"
    words = f"{words}; last answer: {row.answer}" if row.answer else words
    async with _in_order(row):
        await _forget_pin(row)
        await advance(
            row,
            "failed",
            event="delivery.failed",
            now=now,
            detail=f"{row.kind}: {words}",
            to_whom=about(claimed.invitation),
            answer=words[:500],
        )
        if row.kind == "url" and claimed.invitation.valid_until is None:
            await _fail_invitation(claimed.invitation.id, words, now)


async def cancelled(claimed: Claimed, why: str, now: datetime) -> None:
    """Take a row back, and with it the PIN it would have carried; StaleState when somebody took it first."""
    row = claimed.row
    detail = f"{row.kind}: {why}" if why else row.kind
    async with _held(row) if row.status == "sending" else transaction():
        await advance(
            row,
            "cancelled",
            event="delivery.cancelled",
            now=now,
            detail=detail,
            to_whom=about(claimed.invitation),
            answer=why,
            phase="",
            lease_until=None,
        )
        await _forget_pin(row)


async def bounced(row: Delivery, invitation: Invitation, words: str, now: datetime) -> None:
    """A message that was sent came back; StaleState when the row is not "sent" any more.

    Whoever invited is told when it was the link of an invitation that still waits.
    """
    words = _without_secrets(row, words)[:500]
    async with _in_order(row):
        await advance(
            row,
            "bounced",
            event="delivery.bounced",
            now=now,
            detail=f"{row.kind}: {words}",
            to_whom=about(invitation),
            answer=words,
        )
        if row.kind == "url" and invitation.status == "pending" and row.generation == invitation.generation:
            await tell_of_failure(invitation, now=now)


async def _forget_pin(row: Delivery) -> None:
    """Wipe the readable copy of the PIN that ``row`` carries, if it carries one; call inside a transaction."""
    if row.kind == "pin":
        await Pin.filter(invitation_id=row.invitation_id, generation=row.generation).update(pin_sealed=None)


def _without_secrets(row: Delivery, words: str) -> str:
    """Blank what a server may have quoted back at us: a link's token, a PIN."""
    secret = r"\d{6,}" if row.kind == "pin" else r"ep-[A-Za-z0-9_-]{6,}"
    return re.sub(secret, "…", words)
