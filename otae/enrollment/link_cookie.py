"""Between following a mailed link and being enrolled, the browser carries the invitation token, sealed.

In a cookie it leads back to the form of the invitation whose link was followed last. In a field of the form it says
which invitation that form is for, and decides, whatever link was followed meanwhile. After signing in, a second cookie
leads back from the session to its own invitation.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from otae.store import browser_seals
from otae.store.desk import Desk

GOOD_FOR: Final = timedelta(minutes=60)


class Place(StrEnum):
    """Where a browser keeps a token; each has a key of its own, so that none stands in for another."""

    COOKIE = "otae invitation link"
    FORM = "otae invitation form"
    SESSION = "otae invitation of the session"


async def seal(
    desk: Desk, token: str, *, now: datetime, place: Place = Place.COOKIE, until: datetime | None = None
) -> str:
    """Return an invitation token sealed for ``place``, good for an hour or until ``until``."""
    return await browser_seals.seal(desk, place, token.encode(), until=until or now + GOOD_FOR)


async def open_sealed(desk: Desk, value: str, *, now: datetime, place: Place = Place.COOKIE) -> str | None:
    """Return the invitation token sealed for ``place``; None when it is not ours, was changed or its time is over."""
    plain = await browser_seals.open_sealed(desk, place, value, now=now)
    return None if plain is None else plain.decode()
