"""An administrator's own account: changing the password, listing and signing out their browsers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.accounts import administrators, browsers, console_sign_in, made_links, password_strength
from otae.accounts.console_sign_in import Browser, SignInResult
from otae.directory.local.passwords import password_bytes
from otae.directory.local.person_fields import DOMAIN
from otae.errors import InputRefused, StaleState
from otae.store import audit, passwords
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession
from otae.store.passwords import hash_token
from otae.translatable import N_

UNCHANGED: Final = N_("this is the password you have: choose another")


@dataclass(frozen=True)
class SignedIn:
    """A signed-in browser. ``opened_from``: browser, system and network, "" where not stored."""

    id: UUID
    opened_from: str
    created_at: datetime
    seen_at: datetime
    is_this: bool


async def change_password(
    desk: Desk, name: str, current: str, new: str, browser: Browser, *, now: datetime
) -> SignInResult:
    """Change the administrator's password, sign all their browsers out and this one in again, end the links they made.

    Raises:
        InputRefused: ("password", "") when the new password is refused.
        SigninFailed, SlowDown: as `administrators.sign_in`; a wrong ``current`` password counts as a failed sign-in.
    """
    _refuse_foreign(await Administrator.get_or_none(name=name))
    password_strength.check_password(name, new)
    if new == current:
        raise InputRefused({"password": UNCHANGED})
    row = await administrators.sign_in(desk, name, current, browser.network, now=now)
    proven = await browsers.factor_entered_at(browser.secret)
    await _store(desk, row, new, now=now, actor=name)
    return await console_sign_in.open_session(row, browser, now=now, second_factor_at=proven)


async def set_password(desk: Desk, name: str, new: str, *, now: datetime, actor: str) -> None:
    """Set the administrator's password, sign all their browsers out, and end the links they made; audited.

    Raises:
        InputRefused: ("name", "password", "").
    """
    name = administrators.checked_name(name)
    row = await Administrator.get_or_none(name=name)
    if row is None:
        raise InputRefused({"name": N_("there is no administrator called %(name)s", name=name)})
    _refuse_foreign(row)
    password_strength.check_password(name, new)
    await _store(desk, row, new, now=now, actor=actor)


async def signed_in(administrator_id: UUID, *, this: str, now: datetime) -> list[SignedIn]:
    """Return an administrator's signed-in browsers, last used first. ``this``: the secret of the asking browser."""
    rows = BrowserSession.filter(administrator_id=administrator_id, expires_at__gt=now, seen_at__gt=now - browsers.IDLE)
    this_hash = hash_token(this)
    names = ("id", "opened_from", "created_at", "seen_at")
    return [
        SignedIn(**{name: getattr(row, name) for name in names}, is_this=row.secret_hash == this_hash)
        for row in await rows.order_by("-seen_at", "-created_at")
    ]


async def end_sessions(
    administrator_id: UUID, *, this: str, only: UUID | None = None, now: datetime, actor: str
) -> int:
    """Sign out an administrator's browsers and return how many; ``only``: just the one with this id.

    The asking browser, whose secret is ``this``, stays signed in.
    """
    others = BrowserSession.filter(administrator_id=administrator_id).exclude(secret_hash=hash_token(this))
    async with transaction():
        ended = await (others.filter(id=only) if only else others).delete()
        if ended:
            await audit.record(actor, "administrator.signed-out", now=now, subject=actor, detail=f"{ended} elsewhere")
    return ended


async def _store(desk: Desk, row: Administrator, new: str, *, now: datetime, actor: str) -> None:
    hashed = await passwords.hash_secret(desk.resources, password_bytes(new))
    async with transaction():
        seen = Administrator.filter(id=row.id, password_hash=row.password_hash)
        if await seen.update(password_hash=hashed) != 1:
            raise StaleState("the password was changed meanwhile")
        await browsers.close_all(row)
        await made_links.end_links(row.id, now)  # whoever knew the old one may have made them
        await audit.record(actor, "administrator.password-changed", now=now, subject=row.name)


def _refuse_foreign(row: Administrator | None) -> None:
    if row is not None and row.domain != DOMAIN:
        words = N_(
            "the password of %(name)s is checked by the directory %(domain)s, and changed there",
            name=row.name,
            domain=row.domain,
        )
        raise InputRefused({"": words})
