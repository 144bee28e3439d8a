"""Ending enrollment sessions before their Mac is enrolled, together with their challenges."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.errors import StaleState
from otae.store import statements
from otae.store.database import transaction
from otae.store.models import Challenge, EnrollmentSession
from otae.store.records import advance
from otae.store.states import SessionStatus

#: The states in which a session still moves.
LIVE: Final = (SessionStatus.OPENED, SessionStatus.IDENTIFIED, SessionStatus.CERTIFIED, SessionStatus.CONFIGURED)
#: Passes over the live sessions: one that changed its state meanwhile is ended in the next.
_PASSES: Final = 2


async def end_session(session: EnrollmentSession, *, now: datetime, why: str) -> bool:
    """End a session and its challenges, in the caller's transaction; False when its state changed meanwhile."""
    try:
        await advance(session, SessionStatus.EXPIRED, event="session.expired", now=now, detail=why, closed_at=now)
    except StaleState:
        return False
    await close_challenges(session, now=now)
    return True


async def end_sessions_of(people: Collection[UUID], *, now: datetime, why: str) -> int:
    """End every live session of ``people``, and return their number; needs no transaction of the caller."""
    ended = 0
    for _ in range(_PASSES):
        for session in await EnrollmentSession.filter(person_id__in=list(people), status__in=LIVE):
            async with transaction():
                ended += await end_session(session, now=now, why=why)
    return ended


async def close_challenges(
    session: EnrollmentSession, *, now: datetime, purposes: Collection[str] | None = None
) -> None:
    """Close the session's unused challenges; ``purposes``: only these, None for all."""
    some = {} if purposes is None else {"purpose__in": tuple(purposes)}
    await statements.change(Challenge, {"closed_at": now}, session_id=session.id, used_at=None, closed_at=None, **some)
