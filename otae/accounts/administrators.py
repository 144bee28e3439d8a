"""Administrators: how the first and every other one comes to be, and how they sign in."""

import hashlib
import secrets
from datetime import datetime, timedelta

from tortoise.exceptions import IntegrityError

from otae.accounts import strength, throttle
from otae.directory.local import has_shape, secret, user_name
from otae.errors import InputRefused, SetupLinkUnknown, SigninFailed
from otae.store import audit, passwords, tries
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, SetupLink

ROLES = ("ADMIN",)
SETUP_LINK_LIFE = timedelta(hours=24)
#: Page that a setup link opens; the link's secret follows as `?s=`.
SETUP_PATH = "/admin/setup"


async def create_administrator(
    desk: Desk, *, name: str, password: str, role: str = "ADMIN", now: datetime, actor: str
) -> Administrator:
    """Add an administrator. Raises InputRefused with "name", "password" or "role"."""
    del desk  # every room function that changes something takes it first; this one needs nothing of it
    row = await _checked(name, password, role, now)
    try:
        async with transaction():
            await row.save(force_create=True)
            await audit.record(actor, "administrator.added", now=now, subject=row.name, detail=role)
    except IntegrityError:
        raise InputRefused({"name": f"there is already an administrator called {row.name}"}) from None
    return row


async def any_administrator() -> bool:
    """Tell whether somebody can sign in to the console; until then a setup link is needed."""
    return await Administrator.exists()


async def new_setup_link(desk: Desk, *, now: datetime, name: str | None = None, role: str = "ADMIN") -> str:
    """Return a link with which one person sets a password, once, within 24 hours.

    Without ``name`` it is the first start's: whoever holds it becomes the first administrator and chooses a name; it is
    worth nothing once there is one. With ``name`` it makes that administrator. Raises InputRefused ("name", "role").
    """
    if name is not None:
        name = _checked_name(name)
        if await Administrator.exists(name=name):
            raise InputRefused({"name": f"there is already an administrator called {name}"})
    if role not in ROLES:
        raise InputRefused({"role": f"choose {' or '.join(ROLES)}"})
    token = secrets.token_urlsafe(32)
    link = SetupLink(token_hash=_hash(token), administrator_name=name, role=role, expires_at=now + SETUP_LINK_LIFE)
    await link.save(force_create=True)
    return f"{desk.settings.public_url}{SETUP_PATH}?s={token}"


async def find_setup_link(token: str, *, now: datetime) -> SetupLink:
    """Return the link that still works; SetupLinkUnknown for every other, one face for every reason."""
    link = await SetupLink.get_or_none(token_hash=_hash(token), used_at=None, expires_at__gt=now)
    if link is None or (link.administrator_name is None and await any_administrator()):
        raise SetupLinkUnknown
    return link


async def use_setup_link(desk: Desk, token: str, name: str, password: str, *, now: datetime) -> Administrator:
    """Make the administrator that the link is for; ``name`` counts only where the link leaves it open.

    Raises SetupLinkUnknown, or InputRefused ("name", "password") with the link still good.
    """
    del desk  # as in create_administrator
    link = await find_setup_link(token, now=now)
    row = await _checked(link.administrator_name or name, password, link.role, now)
    try:
        async with transaction():
            await _use_up(link, now)
            await row.save(force_create=True)
            await audit.record(row.name, "administrator.added", now=now, subject=row.name, detail="setup link")
    except IntegrityError:
        raise InputRefused({"name": f"there is already an administrator called {row.name}"}) from None
    return row


async def _use_up(link: SetupLink, now: datetime) -> None:
    """Use the link, once; the first administrator's ends all others of its kind, locked in one order."""
    if link.administrator_name is None:
        await SetupLink.filter(administrator_name=None).select_for_update().order_by("id")
        if await any_administrator():
            raise SetupLinkUnknown
    if await SetupLink.filter(id=link.id, used_at=None, expires_at__gt=now).update(used_at=now) != 1:
        raise SetupLinkUnknown
    if link.administrator_name is None:
        await SetupLink.filter(administrator_name=None, used_at=None).update(used_at=now)


async def sign_in(desk: Desk, name: str, password: str, network: str, *, now: datetime) -> Administrator:
    """Return the administrator whose name and password these are; ``network``: the browser's address.

    Raises SigninFailed, never saying which, at the same cost whether the name exists or not; SlowDown after several.
    """
    del desk  # as in create_administrator
    passwords.check_not_crowded()
    name = user_name(name)
    key = throttle.key_of("admin", name, network)
    await throttle.count_try(key, now)
    row = await Administrator.get_or_none(name=name, disabled=False) if has_shape(name) else None
    if not await passwords.verify_secret(secret(password), row.password_hash if row else None) or row is None:
        if row:
            await audit.record(name, "administrator.sign-in-failed", now=now, subject=name, detail=f"from {network}")
        raise SigninFailed("console")
    await tries.forget(key)
    await audit.record(name, "administrator.signed-in", now=now, subject=name, detail=f"from {network}")
    return row


async def _checked(name: str, password: str, role: str, now: datetime) -> Administrator:
    name = _checked_name(name)
    strength.check_password(name, password)
    if role not in ROLES:
        raise InputRefused({"role": f"choose {' or '.join(ROLES)}"})
    hashed = await passwords.hash_secret(secret(password))
    return Administrator(name=name, role=role, password_hash=hashed, created_at=now)


def _checked_name(text: str) -> str:
    name = user_name(text)
    if not has_shape(name):
        raise InputRefused({"name": "use 1 to 100 letters, digits or . _ - + @ ', beginning with a letter or digit"})
    return name


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
