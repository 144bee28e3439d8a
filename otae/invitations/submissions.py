"""Makes a form idempotent: each carries an id that can be spent once, however often its button is pressed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from otae.errors import Refusal, SlowDown, StaleState
from otae.store import failure_counters

#: How long the id of a sent form is remembered.
FORM_LIFETIME = timedelta(hours=24)


@asynccontextmanager
async def once(form: UUID, *, now: datetime) -> AsyncIterator[None]:
    """Spend the id of a form for the block; a Refusal raised in it releases the id, so that the form can be sent again.

    Raises:
        StaleState: The form was sent before; of several sent at the same moment one is taken.
    """
    key = f"form:{form}"
    try:
        await failure_counters.count(key, failure_counters.Limit(1, FORM_LIFETIME), now)
    except SlowDown:
        raise StaleState("this form was sent already") from None
    try:
        yield
    except Refusal:
        await failure_counters.reset(key)
        raise
