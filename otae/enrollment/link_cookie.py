"""The invitation token that a browser keeps, sealed, from following a mailed link until its Mac is enrolled.

A cookie holds the token of the link that was followed last. A hidden field of the sign-in form holds the token of that
form's invitation, and takes precedence over the cookie: somebody may follow two links and send the first form. After
signing in, a second cookie holds the token of the session's invitation.

After a code was entered at /go, cookies and field hold the invitation's id in the place of its token
(`web.portal.login.BY_CODE`): it names the invitation, and is no factor.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from otae.store import browser_seals
from otae.store.desk import Desk

LIFETIME: Final = timedelta(minutes=60)


class Purpose(StrEnum):
    """What a browser keeps a token for; each purpose has its own key, so that one value cannot be used for another."""

    COOKIE = "otae invitation link"
    FORM = "otae invitation form"
    SESSION = "otae invitation of the session"
    CODE = "otae code to continue on a Mac"


async def seal(
    desk: Desk, token: str, *, now: datetime, purpose: Purpose = Purpose.COOKIE, until: datetime | None = None
) -> str:
    """Return an invitation token sealed for ``purpose``, valid until ``until``, by default for an hour."""
    return await browser_seals.seal(desk, purpose, token.encode(), until=until or now + LIFETIME)


async def open_sealed(desk: Desk, value: str, *, now: datetime, purpose: Purpose = Purpose.COOKIE) -> str | None:
    """Return the invitation token sealed for ``purpose``; None when the value was forged, changed or has expired."""
    plain = await browser_seals.open_sealed(desk, purpose, value, now=now)
    return None if plain is None else plain.decode()
