"""Signed-in browsers of console, portal and self-service page: a random secret in a cookie, and a row with its hash."""

import secrets
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from otae.directory import rechecks
from otae.directory.local.person_fields import DOMAIN
from otae.directory.reach import STALE_AFTER
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession, EnrollmentSession, Person
from otae.store.passwords import hash_token

AdministratorRow: TypeAlias = Administrator

CONSOLE, PORTAL, SELF_SERVICE = "console", "portal", "person"
#: The kind of a browser by whose it is.
KINDS: Final = {Administrator: CONSOLE, EnrollmentSession: PORTAL, Person: SELF_SERVICE}
#: A console and a self-service page are signed out after this time without activity, and in any case after `LIFE`.
IDLE, LIFE = timedelta(minutes=30), timedelta(hours=12)
#: For this time after a sign-in password and second factor are not asked for again: in the console before what cannot
#: be undone, on the self-service page before a Mac is enrolled.
PASSWORD_FRESH_FOR = timedelta(minutes=10)
#: For this time after a session's end the portal shows its result and leads back to its invitation.
RESULT_SHOWN_FOR = timedelta(minutes=60)
#: `seen_at` is written no more often than this.
SEEN_EVERY = timedelta(minutes=1)


async def open_browser(
    kind: str,
    owner: Administrator | EnrollmentSession | Person,
    *,
    now: datetime,
    replacing: str | None = None,
    opened_from: str = "",
    password_changed: str = "",
    second_factor_at: datetime | None = None,
) -> str:
    """Sign a browser in and return its secret for a cookie (256 bits); only the hash is stored.

    Args:
        kind: CONSOLE for an administrator, PORTAL for an enrollment session, SELF_SERVICE for a person.
        replacing: the secret that the browser sent; it stops working, against session fixation.
        opened_from: how the administrator recognises the browser in a list.
        password_changed: the `DirectoryPerson.password_changed` of a person, "" for other owners.
        second_factor_at: when an administrator proved a second factor in it, None for not.
    """
    if kind != KINDS[type(owner)]:
        raise ValueError(f"this owner's browser is of the kind {KINDS[type(owner)]}")
    if replacing:
        await close_browser(replacing)
    secret = secrets.token_urlsafe(32)
    row = BrowserSession(secret_hash=hash_token(secret), kind=kind, created_at=now, seen_at=now)
    row.opened_from, row.password_changed, row.expires_at = opened_from[:120], password_changed[:40], now + LIFE
    if isinstance(owner, Administrator):
        row.administrator_id, row.second_factor_at = owner.id, second_factor_at
    elif isinstance(owner, Person):
        row.person_id = owner.id
    else:
        row.session_id, row.expires_at = owner.id, owner.expires_at
    await row.save(force_create=True)
    return secret


async def find_browser(secret: str, kind: str, *, now: datetime, touch: bool = True) -> BrowserSession | None:
    """Return the signed-in browser with this secret, else None.

    The row comes with its administrator, or with its enrollment session, person and invitation. ``touch``: False for
    requests that a page makes by itself, so that they do not count as activity.
    """
    row = await BrowserSession.get_or_none(secret_hash=hash_token(secret), kind=kind)
    if row is None:
        return None
    if kind == CONSOLE:
        await row.fetch_related("administrator")
        alive = row.administrator is not None and _is_still_allowed(row, row.administrator, now)
    elif kind == PORTAL:
        await row.fetch_related("session__person", "session__invitation")
        alive = row.session is not None and not row.session.person.disabled and now < row.expires_at + RESULT_SHOWN_FOR
    else:
        alive = True  # `find_person` looks at the person
    if not alive or (kind != PORTAL and not (now < row.expires_at and now < row.seen_at + IDLE)):
        return None
    if touch and row.seen_at <= now - SEEN_EVERY:
        await BrowserSession.filter(id=row.id, seen_at__lte=now - SEEN_EVERY).update(seen_at=now)
    return row


async def find_person(desk: Desk, secret: str, *, now: datetime) -> tuple[Person, BrowserSession] | None:
    """Return who is signed in to the self-service page with this secret, and the browser; None when nobody is.

    A directory is asked each time whether the person is still let in (`rechecks.is_still_signed_in`).
    """
    row = await find_browser(secret, SELF_SERVICE, now=now)
    person = await Person.get_or_none(id=row.person_id, disabled=False, removed_at=None) if row else None
    if row is None or person is None:
        return None
    if not await rechecks.is_still_signed_in(desk, person, row.password_changed, now=now):
        return None
    await person.refresh_from_db()
    return person, row


def has_fresh_password(row: BrowserSession, *, now: datetime) -> bool:
    """Return whether somebody signed in with this browser, or again, within PASSWORD_FRESH_FOR."""
    return now < row.created_at + PASSWORD_FRESH_FOR


def has_fresh_factor(row: BrowserSession, *, now: datetime) -> bool:
    """Return whether a second factor was proven in this browser within PASSWORD_FRESH_FOR."""
    return row.second_factor_at is not None and now < row.second_factor_at + PASSWORD_FRESH_FOR


async def factor_entered_at(secret: str | None) -> datetime | None:
    """Return when a second factor was proven in the browser with this secret; None for not."""
    row = await BrowserSession.get_or_none(secret_hash=hash_token(secret or ""))
    return row.second_factor_at if row else None


async def close_browser(secret: str) -> None:
    """Sign a browser out; does nothing when it is not signed in."""
    await BrowserSession.filter(secret_hash=hash_token(secret)).delete()


async def close_all(administrator: Administrator) -> None:
    """Sign every browser of ``administrator`` out, as when a role or password changes."""
    await BrowserSession.filter(administrator_id=administrator.id).delete()


async def forget_old(now: datetime) -> int:
    """Delete the rows of expired browsers; return how many."""
    return await BrowserSession.filter(expires_at__lte=now - RESULT_SHOWN_FOR).delete()


def _is_still_allowed(row: BrowserSession, administrator: Administrator, now: datetime) -> bool:
    """Return whether an administrator may use the console in this browser.

    They are enabled, the browser has proven a second factor if they have one, and their directory has confirmed them
    recently.
    """
    if administrator.disabled or (administrator.second_factor_at is not None and row.second_factor_at is None):
        return False
    if administrator.domain == DOMAIN:
        return True
    return administrator.checked_at is not None and now < administrator.checked_at + STALE_AFTER
