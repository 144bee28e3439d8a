"""Texts kept for the next page of a console's browser: sealed, for some minutes, or until the browser signs out."""

import zlib
from datetime import datetime
from typing import Final
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.store import browser_seals
from otae.store.desk import Desk
from otae.store.models import BrowserSession, KeptText
from otae.store.passwords import hash_token

#: Most texts of one browser; beyond that, those that expire first are deleted.
MAX_KEPT: Final = 20


async def keep(desk: Desk, secret: str, purpose: str, text: str, *, until: datetime) -> str:
    """Store ``text`` for the browser with this secret; return the text's id, "" when that browser is signed out."""
    browser = await BrowserSession.get_or_none(secret_hash=hash_token(secret))
    if browser is None:
        return ""
    sealed = await browser_seals.seal(desk, purpose, zlib.compress(text.encode()), until=until)
    row = KeptText(browser_id=browser.id, content=sealed, expires_at=until)
    try:
        await row.save(force_create=True)
    except IntegrityError:  # signed out in this moment
        return ""
    others = KeptText.filter(browser_id=browser.id).exclude(id=row.id).order_by("-expires_at", "id")
    if oldest := await others.offset(MAX_KEPT - 1).limit(MAX_KEPT).values_list("id", flat=True):
        await KeptText.filter(id__in=list(oldest)).delete()
    return str(row.id)


async def find(desk: Desk, secret: str, purpose: str, text_id: str, *, now: datetime) -> str | None:
    """Return the text with this id that was stored for the browser with this secret; None when there is none."""
    try:
        row_id = UUID(text_id)
    except ValueError:
        return None
    row = await KeptText.get_or_none(id=row_id, browser__secret_hash=hash_token(secret))
    packed = await browser_seals.open_sealed(desk, purpose, row.content, now=now) if row else None
    return zlib.decompress(packed).decode() if packed is not None else None


async def forget(text_id: str) -> bool:
    """Delete the text with this id; return whether it was there."""
    return await KeptText.filter(id=UUID(text_id)).delete() == 1


async def forget_old(now: datetime) -> int:
    """Delete the expired texts; return how many."""
    return await KeptText.filter(expires_at__lte=now).delete()
