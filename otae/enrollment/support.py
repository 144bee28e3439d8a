"""Support codes: a refused step is recorded with all that is known of it, and its code is shown to the person."""

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
class RefusalContext:
    """What a step knows about the sender of a message; the step fills it in as it goes.

    ``ends_session``: whether a refusal that is raised now ends ``session``: the message is verified, and so the Mac of
    this session breaks a rule.
    """

    session: EnrollmentSession | None = None
    device_id: UUID | None = None
    ends_session: bool = False


@asynccontextmanager
async def record_refusals(now: datetime) -> AsyncIterator[RefusalContext]:
    """Record a refusal raised in the block, in a transaction of its own, and let it pass with its ``support_code`` set.

    Enter it outside of every transaction, so that what the refused step wrote is rolled back before.
    """
    context = RefusalContext()
    try:
        yield context
    except Refusal as refusal:
        await _record(refusal, context, now)
        raise


async def _record(refusal: Refusal, context: RefusalContext, now: datetime) -> None:
    concerned = replace(about(context.session) if context.session else About(), device_id=context.device_id)
    refusal.support_code = await note_refusal(refusal, now=now, about=concerned)
    if context.session is None or not context.ends_session:
        return
    session = await EnrollmentSession.get(id=context.session.id)
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
        return  # another request of the same session moved it first
