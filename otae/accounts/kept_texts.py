"""Texts that wait for the next page of a browser of the console: sealed, for minutes, gone when it is signed out."""

import zlib
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.store import browser_seals
from otae.store.desk import Desk
from otae.store.models import BrowserSession, KeptText
from otae.store.passwords import hash_token


async def keep(desk: Desk, secret: str, purpose: str, text: str, *, until: datetime) -> str:
    """Keep ``text`` for the browser of ``secret``; return the text's id, "" when that browser is signed out."""
    browser = await BrowserSession.get_or_none(secret_hash=hash_token(secret))
    if browser is None:
        return ""
    sealed = await browser_seals.seal(desk, purpose, zlib.compress(text.encode()), until=until)
    row = KeptText(browser_id=browser.id, sealed=sealed, expires_at=until)
    try:
        await row.save(force_create=True)
    except IntegrityError:  # signed out in this moment
        return ""
    return str(row.id)


async def read(desk: Desk, secret: str, purpose: str, text_id: str, *, now: datetime) -> str | None:
    """Return what was kept for the browser of ``secret`` under ``text_id``; None when there is no such, or no more."""
    try:
        wanted = UUID(text_id)
    except ValueError:
        return None
    row = await KeptText.get_or_none(id=wanted, browser__secret_hash=hash_token(secret))
    packed = await browser_seals.open_sealed(desk, purpose, row.sealed, now=now) if row else None
    return zlib.decompress(packed).decode() if packed is not None else None


async def forget(text_id: str) -> bool:
    """Forget the text that was kept under ``text_id``; tell whether it was there."""
    return await KeptText.filter(id=UUID(text_id)).delete() == 1


async def forget_old(now: datetime) -> int:
    """Remove what is kept no longer; return how many."""
    return await KeptText.filter(expires_at__lte=now).delete()
