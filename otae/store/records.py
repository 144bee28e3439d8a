"""The one function that moves a state, and the one that records what happened.

A move is a compare-and-set with its event in the same transaction: either both are there, or neither.
"""

import secrets
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from structlog.contextvars import bind_contextvars
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.connection import get_connection
from tortoise.expressions import Expression, Q

from otae.errors import Refusal, StaleState
from otae.store import statements
from otae.store.database import transaction
from otae.store.models import Command, Delivery, Enrollment, EnrollmentSession, Event, Invitation
from otae.store.states import MOVES

#: Letters and digits that are not mistaken for one another when read out.
SUPPORT_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

#: What is noted once in this time: see `note_unless_just_now`.
JUST_NOW: Final = timedelta(minutes=1)
#: The same refusal of the same session, Mac or invitation is stored once in this time.
SAME_REFUSAL: Final = timedelta(minutes=1)
#: After so many refusals that concern one of them, each kind of refusal is stored once in this time.
MOST_REFUSALS: Final = 100
SAME_REFUSAL_OF_MANY: Final = timedelta(days=1)

Movable = Invitation | Delivery | EnrollmentSession | Enrollment | Command


@dataclass(frozen=True)
class About:
    """Which invitation, session, device and person an event belongs to; what is not known stays None."""

    invitation_id: UUID | None = None
    session_id: UUID | None = None
    device_id: UUID | None = None
    person_id: UUID | None = None
    rehearsal: bool = False

    @property
    def concerns(self) -> tuple[str, UUID] | None:
        """The column and value of the narrowest thing that is known; None when nothing is."""
        for name in ("session_id", "device_id", "invitation_id", "person_id"):
            if value := getattr(self, name):
                return name, value
        return None


def about(row: Movable) -> About:
    """Return what an event about ``row`` belongs to; a command knows its enrollment alone, so ask about that."""
    if isinstance(row, Invitation):
        return About(invitation_id=row.id, person_id=row.person_id, rehearsal=row.rehearsal)
    if isinstance(row, Delivery):
        return About(invitation_id=row.invitation_id)
    if isinstance(row, EnrollmentSession):
        return About(row.invitation_id, row.id, None, row.person_id, row.rehearsal)
    if isinstance(row, Command):
        return About()
    return About(None, row.session_id, row.device_id, row.person_id, row.rehearsal)


@dataclass(frozen=True)
class Happening:
    """What an event says apart from whom it is about and when. ``kind``: such as "delivery.sent"."""

    kind: str
    detail: str = ""


async def advance(
    row: Movable,
    to: str,
    *,
    event: str | Sequence[Happening],
    now: datetime,
    actor: str = "",
    detail: str = "",
    code: str = "",
    to_whom: About | None = None,
    **changes: object,
) -> None:
    """Move ``row`` to state ``to`` if it still is where we saw it, and record ``event``.

    ``event``: kind, such as "delivery.sent", or several (or none) that bring their details along and are recorded in
    one statement. ``changes``: further columns set in the same statement. ``row`` is brought up to date. Raises
    StaleState when another process moved the row first, before anything was written, so that the caller's transaction
    may go on; ValueError when the move is not allowed.
    """
    kind = type(row)
    if to not in MOVES[kind][row.status]:
        raise ValueError(f"{kind.__name__}: {row.status} → {to} is not a move")
    whom = to_whom or about(row)
    async with _one_transaction():
        if await statements.change(kind, {"status": to, **changes}, id=row.id, status=row.status) != 1:
            raise StaleState(f"{kind.__name__} {row.id} is no longer {row.status}")
        if isinstance(event, str):
            await note(event, now=now, about=whom, actor=actor, detail=detail, code=code)
        elif event:
            await Event.bulk_create([_event(each.kind, now, whom, actor=actor, detail=each.detail) for each in event])
    row.update_from_dict({"status": to, **changes})


async def advance_all(
    rows: Sequence[Movable],
    to: str,
    *,
    event: str,
    now: datetime,
    details: Sequence[str],
    to_whom: Sequence[About],
    still: Q,
    **changes: object,
) -> None:
    """Move ``rows``, which are of one kind and stand in one state, to state ``to``: all of them in one step, or none.

    Row, detail and whom it is about stand at the same place of their lists. ``still``: what has to be true of each row
    besides its state; ``changes`` as in `advance`, and ``rows`` are brought up to date where a change is a plain value.
    Raises StaleState when it is not true of all: a transaction that was open already has to end with it. Raises
    ValueError when the move is not allowed.
    """
    [(kind, status)] = {(type(row), row.status) for row in rows}
    if to not in MOVES[kind][status]:
        raise ValueError(f"{kind.__name__}: {status} → {to} is not a move")
    async with _one_transaction():
        seen = kind.filter(still, id__in=[row.id for row in rows], status=status)
        if await seen.update(status=to, **changes) != len(rows):
            raise StaleState(f"one of {len(rows)} rows of {kind.__name__} is no longer {status}")
        told = zip(details, to_whom, strict=True)
        await Event.bulk_create([_event(event, now, whom, detail=detail) for detail, whom in told])
    plain = {name: value for name, value in changes.items() if not isinstance(value, Expression)}
    for row in rows:
        row.update_from_dict({"status": to, **plain})


def _one_transaction() -> AbstractAsyncContextManager[object]:
    """Return the transaction that is open, or a new one; a savepoint would keep apart what belongs together."""
    return nullcontext() if isinstance(get_connection("default"), TransactionalDBClient) else transaction()


async def note(
    kind: str,
    *,
    now: datetime,
    about: About,
    actor: str = "",
    detail: str = "",
    code: str = "",
    support_code: str = "",
) -> None:
    """Record that something happened. ``detail`` never holds a secret."""
    await _event(kind, now, about, actor=actor, detail=detail, code=code, support_code=support_code).save()


async def note_unless_just_now(kind: str, *, now: datetime, about: About) -> None:
    """As `note`, of what a person or Mac may do as often as they like: once a minute for one session."""
    same = Event.filter(kind=kind, session_id=about.session_id, at__gt=now - JUST_NOW)
    if not await same.exists():
        await note(kind, now=now, about=about)


async def note_all(kind: str, *, now: datetime, abouts: Iterable[About], actor: str = "", detail: str = "") -> None:
    """Record the same thing of many at once, in one statement; as `note`."""
    await Event.bulk_create([_event(kind, now, each, actor=actor, detail=detail) for each in abouts])


def _event(
    kind: str,
    now: datetime,
    about: About,
    *,
    actor: str = "",
    detail: str = "",
    code: str = "",
    support_code: str = "",
) -> Event:
    return Event(
        at=now,
        kind=kind,
        invitation_id=about.invitation_id,
        session_id=about.session_id,
        device_id=about.device_id,
        person_id=about.person_id,
        rehearsal=about.rehearsal,
        actor=actor[:100],
        detail=detail[:500],
        code=code,
        support_code=support_code,
    )


async def note_refusal(refusal: Refusal, *, now: datetime, about: About, actor: str = "") -> str:
    """Record a refusal in its own transaction, after the refused step was rolled back; return its support code.

    What concerns no invitation, session, Mac or person is logged alone, and what was refused alike a moment ago keeps
    the support code it was given then: nobody fills the database by being refused.
    """
    if about.concerns is None:
        support_code = new_support_code()
        say_refused(refusal.code, support_code, refusal.detail)
        return support_code
    seen = await _refused_before(refusal, about.concerns, now)
    support_code = seen or new_support_code()
    async with transaction():
        if not seen:
            await note(
                "refused",
                now=now,
                about=about,
                actor=actor,
                detail=refusal.detail,
                code=refusal.code,
                support_code=support_code,
            )
        if about.session_id:
            await EnrollmentSession.filter(id=about.session_id).update(refusal=refusal.code, support_code=support_code)
    say_refused(refusal.code, support_code, refusal.detail)
    return support_code


async def _refused_before(refusal: Refusal, concerns: tuple[str, UUID], now: datetime) -> str:
    """Return the support code of the same refusal that is stored already, "" when this one is to be stored."""
    name, value = concerns
    newest = await Event.filter(kind="refused", **{name: value}).order_by("-id").limit(MOST_REFUSALS)
    if len(newest) < MOST_REFUSALS:
        same = [event for event in newest if (event.code, event.detail) == (refusal.code, refusal.detail)]
        since = now - SAME_REFUSAL
    else:
        same, since = [event for event in newest if event.code == refusal.code], now - SAME_REFUSAL_OF_MANY
    return next((event.support_code for event in same if event.at > since), "")


def say_refused(code: str, support_code: str, detail: str = "") -> None:
    """Let the log line of this request say what was refused."""
    told = {"refusal": code, "support_code": support_code, "refusal_detail": detail}
    bind_contextvars(**{name: value for name, value in told.items() if value})


def new_support_code() -> str:
    """Return five letters or digits that a person reads out to the help desk."""
    return "".join(secrets.choice(SUPPORT_ALPHABET) for _ in range(5))
