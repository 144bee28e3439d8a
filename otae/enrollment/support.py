"""Support codes: a refused step is recorded with all that is known of it, and its code goes to the person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from otae.errors import Refusal, StaleState
from otae.store.models import EnrollmentSession
from otae.store.records import About, about, advance, note_refusal
from otae.store.states import MOVES, SessionStatus


@dataclass
class Known:
    """What a step has found out about its sender; the step fills it in as it goes.

    ``ends_session``: a refusal from here on breaks a policy with a message that verified, and ends ``session``.
    """

    session: EnrollmentSession | None = None
    device_id: UUID | None = None
    ends_session: bool = False

    def about(self) -> About:
        """Return what an event of this step belongs to."""
        found = about(self.session) if self.session else About()
        return replace(found, device_id=self.device_id)


@asynccontextmanager
async def recorded(now: datetime) -> AsyncIterator[Known]:
    """Record a refusal raised in the block, in a transaction of its own, and let it pass with its ``support_code`` set.

    To be entered outside every transaction: what the refused step wrote is rolled back before.
    """
    known = Known()
    try:
        yield known
    except Refusal as refusal:
        await record(refusal, known, now=now)
        raise


async def record(refusal: Refusal, known: Known, *, now: datetime) -> None:
    """Record ``refusal`` and set its support code, which an administrator can search for."""
    refusal.support_code = await note_refusal(refusal, now=now, about=known.about())
    if known.session is None or not known.ends_session:
        return
    session = await EnrollmentSession.get(id=known.session.id)
    if SessionStatus.REFUSED not in MOVES[EnrollmentSession][session.status]:
        return
    try:
        await advance(
            session,
            SessionStatus.REFUSED,
            event="session.refused",
            now=now,
            code=refusal.code,
            refusal=refusal.code,
            support_code=refusal.support_code,
            closed_at=now,
        )
    except StaleState:
        return  # another request of the same session was quicker, and it knew more
