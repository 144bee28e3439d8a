"""State changes (`advance`) and events (`note`).

A state changes by compare-and-set in one transaction with its event: either both are stored, or neither.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from structlog.contextvars import bind_contextvars
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.connection import get_connection
from tortoise.expressions import Expression, Q

from otae.errors import Refusal, StaleState
from otae.store import audit, rollout, statements
from otae.store.database import transaction
from otae.store.models import (
    Approval,
    Campaign,
    Command,
    Delivery,
    Enrollment,
    EnrollmentSession,
    Event,
    GroupInvitation,
    Invitation,
    Job,
    PeopleImport,
)
from otae.store.states import MOVES
from otae.store.support_codes import new_refusal_code

#: Least time between two events of `note_once_a_minute`.
NOTE_INTERVAL: Final = timedelta(minutes=1)
#: Least time between two stored refusals of the same code and detail that concern the same session, Mac or invitation.
REFUSAL_INTERVAL: Final = timedelta(minutes=1)
#: After so many stored refusals of one of them, each refusal code is stored once in this time.
MOST_REFUSALS: Final = 100
REFUSAL_INTERVAL_OF_MANY: Final = timedelta(days=1)

#: Rows whose changes are entries of the audit log; the other rows' changes are events.
Audited = Campaign | GroupInvitation | PeopleImport
StatefulRow = Invitation | Delivery | Approval | EnrollmentSession | Enrollment | Command | Job | Audited


@dataclass(frozen=True)
class About:
    """The invitation, session, device and person that an event is about; None for what is not known."""

    invitation_id: UUID | None = None
    session_id: UUID | None = None
    device_id: UUID | None = None
    person_id: UUID | None = None
    rehearsal: bool = False

    @property
    def concerns(self) -> tuple[str, UUID] | None:
        """Column and value of the most specific id that is known; None when none is."""
        for name in ("session_id", "device_id", "invitation_id", "person_id"):
            if value := getattr(self, name):
                return name, value
        return None


def about(row: StatefulRow) -> About:
    """Return what an event of ``row`` is about; nothing for a job, or a command (see `mdm.queue.event_subject`)."""
    if isinstance(row, Invitation):
        return About(invitation_id=row.id, person_id=row.person_id, rehearsal=row.rehearsal)
    if isinstance(row, Delivery | Approval):
        return About(invitation_id=row.invitation_id)
    if isinstance(row, EnrollmentSession):
        return About(row.invitation_id, row.id, None, row.person_id, row.rehearsal)
    if isinstance(row, Command | Job | Audited):
        return About()
    return About(None, row.session_id, row.device_id, row.person_id, row.rehearsal)


@dataclass(frozen=True)
class EventDetail:
    """Kind and detail of an event to record. ``kind``: such as "delivery.sent"."""

    kind: str
    detail: str = ""


async def advance(
    row: StatefulRow,
    to: str,
    *,
    event: str | Sequence[EventDetail],
    now: datetime,
    actor: str = "",
    detail: str = "",
    code: str = "",
    event_about: About | None = None,
    **changes: object,
) -> None:
    """Move ``row`` to state ``to`` by compare-and-set, update ``row``, and record the event.

    Args:
        event: kind of the event, such as "delivery.sent"; or several events (or none), recorded in one statement.
        event_about: what the event is about, when `about` of the row does not say it.
        changes: further columns to set in the same statement.

    Raises:
        StaleState: another process moved the row first. Nothing was written, so the caller's transaction may go on.
        ValueError: the state machine has no such move.
    """
    kind = type(row)
    if to not in MOVES[kind][row.status]:
        raise ValueError(f"{kind.__name__}: {row.status} → {to} is not a move")
    subject = event_about or about(row)
    async with _one_transaction():
        if await statements.change(kind, {"status": to, **changes}, id=row.id, status=row.status) != 1:
            raise StaleState(f"{kind.__name__} {row.id} is no longer {row.status}")
        if isinstance(event, str):
            await note(event, now=now, about=subject, actor=actor, detail=detail, code=code)
        elif event:
            events = [_event(each.kind, now, subject, actor=actor, detail=each.detail) for each in event]
            await Event.bulk_create(events)
            await rollout.reach_by(events)
    row.update_from_dict({"status": to, **changes})


async def advance_audited(
    row: Audited,
    to: str,
    *,
    action: str,
    detail: str,
    now: datetime,
    actor: str,
    **changes: Any,  # noqa: ANN401 - values of columns
) -> None:
    """Move ``row`` as `advance` does, but record an entry of the audit log instead of an event.

    Args:
        action: that of the audit log, such as "group-invitation.paused"; "" to record nothing.

    Raises:
        StaleState: another process moved the row first, or the move is not allowed: the page on which somebody decided
            was out of date.
    """
    kind = type(row)
    if to not in MOVES[kind][row.status]:
        raise StaleState(f"{kind.__name__} {row.id} is {row.status} and cannot become {to}")
    async with transaction():
        await advance(row, to, event=(), now=now, **changes)
        if action:
            await audit.record(actor, action, now=now, subject=str(row.id), detail=detail)


async def advance_all(
    rows: Sequence[StatefulRow],
    to: str,
    *,
    event: str,
    now: datetime,
    details: Sequence[str],
    abouts: Sequence[About],
    condition: Q,
    **changes: object,
) -> None:
    """Move ``rows`` of one kind and state to state ``to`` in one step, and record an event for each.

    Args:
        details: the event's detail for each row, in the order of ``rows``.
        abouts: what the event is about for each row, in the same order.
        condition: what must hold for each row, besides its state.
        changes: further columns to set; ``rows`` are updated with those that are plain values.

    Raises:
        StaleState: state or condition does not hold for all rows. A transaction of the caller must end with it.
        ValueError: the state machine has no such move.
    """
    [(kind, status)] = {(type(row), row.status) for row in rows}
    if to not in MOVES[kind][status]:
        raise ValueError(f"{kind.__name__}: {status} → {to} is not a move")
    async with _one_transaction():
        unchanged = kind.filter(condition, id__in=[row.id for row in rows], status=status)
        if await unchanged.update(status=to, **changes) != len(rows):
            raise StaleState(f"one of {len(rows)} rows of {kind.__name__} is no longer {status}")
        events = [_event(event, now, each, detail=detail) for detail, each in zip(details, abouts, strict=True)]
        await Event.bulk_create(events)
    plain = {name: value for name, value in changes.items() if not isinstance(value, Expression)}
    for row in rows:
        row.update_from_dict({"status": to, **plain})


def _one_transaction() -> AbstractAsyncContextManager[object]:
    """Join the open transaction, or open one; a savepoint could be rolled back apart from the rest."""
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
    """Record an event of ``kind``, such as "session.opened", and the step that the invitation has reached by it.

    ``detail`` must not hold a secret.
    """
    event = _event(kind, now, about, actor=actor, detail=detail, code=code, support_code=support_code)
    if kind not in rollout.STEP_OF_EVENT:
        await event.save()
        return
    async with _one_transaction():
        await event.save()
        await rollout.reach_by([event])


async def note_once_a_minute(kind: str, *, now: datetime, about: About) -> None:
    """Record an event, unless the session that it is about has one of this kind from the last minute.

    For events that a person or Mac can repeat as often as they like.
    """
    same = Event.filter(kind=kind, session_id=about.session_id, at__gt=now - NOTE_INTERVAL)
    if not await same.exists():
        await note(kind, now=now, about=about)


async def note_all(kind: str, *, now: datetime, abouts: Iterable[About], actor: str = "", detail: str = "") -> None:
    """Record one event for each of ``abouts``, in one statement; see `note`."""
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
    """Record a refusal after the refused step was rolled back, and return its support code; "" for one only logged.

    A refusal that concerns an invitation has the invitation's code. A refusal that concerns no invitation, session, Mac
    or person is only logged, and a repeated one is not stored again but gets the support code of the first: nobody can
    fill the database with refusals.
    """
    if about.concerns is None:
        support_code = new_refusal_code()
        bind_refusal(refusal.code, support_code, refusal.detail)
        return support_code
    seen = await _refused_before(refusal, about.concerns, now)
    support_code = seen or await _code_of(about.invitation_id) or new_refusal_code()
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
    bind_refusal(refusal.code, support_code, refusal.detail)
    return support_code


async def _code_of(invitation_id: UUID | None) -> str:
    """Return the support code of an invitation, "" for None or one that is gone."""
    row = await Invitation.get_or_none(id=invitation_id).only("id", "support_code") if invitation_id else None
    return (row.support_code or "") if row else ""


async def _refused_before(refusal: Refusal, concerns: tuple[str, UUID], now: datetime) -> str:
    """Return the support code of an equal refusal stored shortly before, "" when this one is to be stored."""
    name, value = concerns
    newest = await Event.filter(kind="refused", **{name: value}).order_by("-id").limit(MOST_REFUSALS)
    if len(newest) < MOST_REFUSALS:
        same = [event for event in newest if (event.code, event.detail) == (refusal.code, refusal.detail)]
        since = now - REFUSAL_INTERVAL
    else:
        same, since = [event for event in newest if event.code == refusal.code], now - REFUSAL_INTERVAL_OF_MANY
    return next((event.support_code for event in same if event.at > since), "")


def bind_refusal(code: str, support_code: str, detail: str = "") -> None:
    """Add a refusal to the log line of the current request."""
    values = {"refusal": code, "support_code": support_code, "refusal_detail": detail}
    bind_contextvars(**{name: value for name, value in values.items() if value})
