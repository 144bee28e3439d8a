"""A form is taken once, however often its button is pressed: each carries an id of its own, spent when it is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from otae.errors import Refusal, SlowDown, StaleState
from otae.store import failure_counters

#: A form left open for longer than this is taken for a new one.
KEPT = timedelta(hours=24)


@asynccontextmanager
async def once(form: UUID, *, now: datetime) -> AsyncIterator[None]:
    """Spend ``form`` for the block; a refusal raised in the block gives it back, so that it can be sent again mended.

    Raises StaleState when the form was sent before: of twenty sent at the same moment one gets in.
    """
    key = f"form:{form}"
    try:
        await failure_counters.spend(key, 1, now, KEPT)
    except SlowDown:
        raise StaleState("this form was sent already") from None
    try:
        yield
    except Refusal:
        await failure_counters.forget(key)
        raise
