"""Signed-in browsers of console and portal: rows here, a random id in a cookie there, and nothing to be guessed."""

import secrets
from datetime import datetime, timedelta

from otae.directory.person_fields import DOMAIN
from otae.directory.reach import BELIEVED
from otae.store.models import Administrator, BrowserSession, EnrollmentSession
from otae.store.passwords import hash_token

CONSOLE, PORTAL = "console", "portal"
#: A console left alone this long signs itself out; used or not, it does after `LIFE`.
IDLE, LIFE = timedelta(minutes=30), timedelta(hours=12)
#: How long after the password was entered the console does what cannot be undone without asking for it again.
FRESH = timedelta(minutes=10)
#: How long after its end the portal still shows what became of a session, and leads back to its invitation.
AFTERGLOW = timedelta(minutes=60)
#: `seen_at` is written no more often than this.
SEEN_EVERY = timedelta(minutes=1)


async def open_browser(
    kind: str,
    owner: Administrator | EnrollmentSession,
    *,
    now: datetime,
    replacing: str | None = None,
    opened_from: str = "",
) -> str:
    """Sign a browser in and return its secret (256 bits, for a cookie); only its hash is kept.

    ``kind``: "console" with an administrator, "portal" with an enrollment session. ``replacing``: the secret that the
    browser came with; it ends, so that nobody can give somebody else a session of his own. ``opened_from``: what an
    administrator knows the browser by.
    """
    if replacing:
        await close_browser(replacing)
    secret = secrets.token_urlsafe(32)
    row = BrowserSession(secret_hash=hash_token(secret), kind=kind, created_at=now, seen_at=now)
    row.opened_from = opened_from[:120]
    if isinstance(owner, Administrator):
        if kind != CONSOLE:
            raise ValueError("an administrator's browser is a console")
        row.administrator_id, row.expires_at = owner.id, now + LIFE
    else:
        if kind != PORTAL:
            raise ValueError("an enrollment session's browser is a portal")
        row.session_id, row.expires_at = owner.id, owner.expires_at
    await row.save(force_create=True)
    return secret


async def find_browser(secret: str, kind: str, *, now: datetime, touch: bool = True) -> BrowserSession | None:
    """Return the signed-in browser, its administrator or session (with person and invitation) fetched; else None.

    ``touch``: False for what a page asks for by itself, so that a page left open signs itself out all the same.
    """
    row = await BrowserSession.get_or_none(secret_hash=hash_token(secret), kind=kind)
    if row is None:
        return None
    if kind == CONSOLE:
        await row.fetch_related("administrator")
        alive = now < row.expires_at and now < row.seen_at + IDLE
        alive = alive and row.administrator is not None and _is_vouched_for(row.administrator, now)
    else:
        await row.fetch_related("session__person", "session__invitation")
        alive = row.session is not None and not row.session.person.disabled and now < row.expires_at + AFTERGLOW
    if not alive:
        return None
    if touch and row.seen_at <= now - SEEN_EVERY:
        await BrowserSession.filter(id=row.id, seen_at__lte=now - SEEN_EVERY).update(seen_at=now)
    return row


def is_fresh(row: BrowserSession, *, now: datetime) -> bool:
    """Tell whether the password was entered in this browser a short while ago."""
    return now < row.created_at + FRESH


async def close_browser(secret: str) -> None:
    """Sign a browser out; nothing happens when it was not signed in."""
    await BrowserSession.filter(secret_hash=hash_token(secret)).delete()


async def close_all(administrator: Administrator) -> None:
    """Sign every browser of ``administrator`` out, as when a role or password changes."""
    await BrowserSession.filter(administrator_id=administrator.id).delete()


async def forget_old(now: datetime) -> int:
    """Remove rows of browsers that were signed out by time; return how many."""
    return await BrowserSession.filter(expires_at__lte=now - AFTERGLOW).delete()


def _is_vouched_for(administrator: Administrator, now: datetime) -> bool:
    """Tell whether somebody may be in the console: not disabled, and if a directory's, it said so not long ago."""
    if administrator.disabled or administrator.domain == DOMAIN:
        return not administrator.disabled
    return administrator.checked_at is not None and now < administrator.checked_at + BELIEVED
