"""What came of an attempt to send, written only by whoever made that very attempt.

Each function is one transaction and raises StaleState, changing nothing, when the row has been taken over meanwhile;
`sent_all`, which most messages end with, records many in one.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.expressions import Case, Q, When

from otae.delivery.notices import tell_of_failure
from otae.delivery.texts.kinds import AFTERWARDS, NEEDED
from otae.delivery.transport import Receipt
from otae.errors import StaleState
from otae.store.database import transaction
from otae.store.models import Delivery, EnrollmentSession, Invitation, Pin
from otae.store.records import about, advance, advance_all

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


@dataclass(frozen=True)
class Accepted:
    """A message that a server took; ``by``: what the timeline calls the way."""

    claimed: Claimed
    receipt: Receipt
    by: str


def ours(rows: Iterable[Delivery]) -> Q:
    """Return the condition under which rows are still held by the attempts that ``rows`` were claimed for."""
    attempts: dict[int, list[UUID]] = {}
    for row in rows:
        attempts.setdefault(row.attempt, []).append(row.id)
    held = [Q(id__in=ids, attempt=attempt) for attempt, ids in attempts.items()]
    return Q(Q(*held, join_type="OR"), status="sending")


@asynccontextmanager
async def _held(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction that begins by locking the row for this very attempt; StaleState when it is another's."""
    async with transaction():
        if await Delivery.filter(ours([row])).update(lease_until=None) != 1:
            raise StaleState(f"delivery {row.id}, attempt {row.attempt}: another worker took over")
        yield


async def sent_all(accepted: Sequence[Accepted], now: datetime) -> list[Exception | None]:
    """Servers took these messages; the readable copies of their PINs go in the same transaction.

    Returns for each None, or StaleState when the row has been taken over meanwhile: what it takes from one, the others
    keep.
    """
    try:
        await _sent(accepted, now)
    except StaleState as error:
        if len(accepted) == 1:
            return [error]
        return [outcome for each in accepted for outcome in await sent_all([each], now)]
    return [None] * len(accepted)


async def _sent(accepted: Sequence[Accepted], now: datetime) -> None:
    """Record all of ``accepted`` in one transaction, or, with StaleState, none: one of them is another's."""
    rows = [each.claimed.row for each in accepted]
    answers = {each.claimed.row.id: without_secrets(each.claimed.row, each.receipt.words) for each in accepted}
    async with transaction():
        await advance_all(
            rows,
            "sent",
            event="delivery.sent",
            now=now,
            details=[f"{each.claimed.row.kind}: accepted by {each.by}" for each in accepted],
            to_whom=[about(each.claimed.invitation) for each in accepted],
            still=ours(rows),
            sent_at=now,
            answer=_each_its_own(answers),
            phase="",
            lease_until=None,
        )
        await _forget_pins(rows)


def _each_its_own(values: Mapping[UUID, str]) -> str | Case:
    """Return what sets a column to the value of each row, by its id, in one statement."""
    different = set(values.values())
    if len(different) == 1:
        return different.pop()
    return Case(*(When(id=one, then=value) for one, value in values.items()))


async def deferred(
    claimed: Claimed,
    words: str,
    retries: int,
    now: datetime,
    *,
    at_once: bool = False,
    may_have_arrived: bool = False,
    by_policy: bool = False,
) -> None:
    """The message waits for its next try: ``retries`` tries at growing distance, then far ones.

    ``by_policy``: a policy refused it that may be about its recipient.
    """
    row, words = claimed.row, without_secrets(claimed.row, words)
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
            policy_refused=by_policy or row.policy_refused,
        )


async def unknown(claimed: Claimed, words: str, now: datetime, *, at_once: bool = False) -> None:
    """Try once more with the same Message-ID, which lets the receiver drop a second copy; then leave it open."""
    if not claimed.row.outcome_unknown:
        await deferred(claimed, f"outcome unknown: {words}", NEAR, now, at_once=at_once, may_have_arrived=True)
        return
    await failed(claimed, f"outcome unknown, twice: {words}; it may have arrived", now, may_have_arrived=True)


async def failed(claimed: Claimed, words: str, now: datetime, *, may_have_arrived: bool = False) -> None:
    """Give the message up. An invitation whose link cannot reach anybody fails with it.

    One whose PIN cannot stays pending, as the link works and a new PIN can be sent; whoever invited is told of either.
    """
    row, words = claimed.row, without_secrets(claimed.row, words)
    async with _in_order(row), _held(row):
        await _forget_pins([row])
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
        if not may_have_arrived:
            await _undelivered(row, words, now)


@asynccontextmanager
async def _in_order(row: Delivery) -> AsyncIterator[None]:
    """Open a transaction that takes the rows as a resend or revoke takes them: the invitation before the delivery."""
    async with transaction():
        await Invitation.filter(id=row.invitation_id).select_for_update().first()
        yield


async def _undelivered(row: Delivery, words: str, now: datetime) -> None:
    """Do what follows from a message that was given up; call inside the transaction of `_in_order`."""
    if row.kind == "url":
        await _fail_invitation(row.invitation_id, words, now)
    elif row.kind in NEEDED:
        await _tell_while_it_matters(row, now)


async def _tell_while_it_matters(row: Delivery, now: datetime) -> None:
    """Tell whoever invited that a message did not arrive, unless it was sent anew since or the person has signed in."""
    invitation = await Invitation.get(id=row.invitation_id)
    signed_in = EnrollmentSession.filter(invitation_id=invitation.id, opened_at__gte=row.created_at)
    if invitation.status == "pending" and row.generation == invitation.generation and not await signed_in.exists():
        await tell_of_failure(invitation, now=now)


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
        await _forget_pins([row])
        await advance(
            row,
            "failed",
            event="delivery.failed",
            now=now,
            detail=f"{row.kind}: {words}",
            to_whom=about(claimed.invitation),
            answer=words[:500],
        )
        if claimed.invitation.valid_until is None:
            await _undelivered(row, words, now)


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
        await _forget_pins([row])


async def bounced(row: Delivery, invitation: Invitation, words: str, now: datetime) -> None:
    """A message that was sent came back; StaleState when the row is not "sent" any more.

    Whoever invited is told when it was link or PIN of an invitation that still waits.
    """
    words = without_secrets(row, words)[:500]
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
        if row.kind in NEEDED:
            await _tell_while_it_matters(row, now)


async def _forget_pins(rows: Iterable[Delivery]) -> None:
    """Wipe the readable copies of the PINs that ``rows`` carry, if they carry any; call inside a transaction."""
    carried: dict[int, list[UUID]] = {}
    for row in rows:
        if row.kind == "pin":
            carried.setdefault(row.generation, []).append(row.invitation_id)
    for generation, invitation_ids in carried.items():
        await Pin.filter(invitation_id__in=invitation_ids, generation=generation).update(pin_sealed=None)


def without_secrets(row: Delivery, words: str) -> str:
    """Blank what a server may have quoted back at us: a link's token, a PIN."""
    secret = r"ep-[A-Za-z0-9_-]{6,}" + (r"|\d{6,}" if row.kind == "pin" else "")
    return re.sub(secret, "…", words)
