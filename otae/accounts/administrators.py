"""Administrators: how the first and every other one comes to be, and how they sign in."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.accounts import directory_sign_in, made_links, password_strength, recheck, throttle
from otae.accounts.notice_addresses import checked_address
from otae.accounts.roles import ADMIN, find_role
from otae.directory import person_fields, registry
from otae.directory.ldap import servers
from otae.directory.local import has_shape, secret, user_name
from otae.errors import DirectoryUnavailable, InputRefused, SetupLinkUnknown, SigninFailed
from otae.store import audit, failure_counters, passwords
from otae.store.database import exclusive, transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, SetupLink
from otae.store.passwords import hash_token
from otae.text import folded

SETUP_LINK_LIFE = timedelta(hours=24)
#: Page that a setup link opens; the link's secret follows as `?s=`.
SETUP_PATH = "/admin/setup"
#: Failures an hour at the console's sign-in from one network, over all names.
SHARE = 100
#: How often a name was entered that no administrator has.
MADE_UP = "console.made-up"


async def create_administrator(
    *, name: str, password: str, role: str = ADMIN, now: datetime, actor: str
) -> Administrator:
    """Add an administrator. Raises InputRefused with "name", "password" or "role"."""
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


async def new_setup_link(
    desk: Desk,
    *,
    now: datetime,
    name: str | None = None,
    role: str = ADMIN,
    replacing: bool = False,
    maker_id: UUID | None = None,
) -> str:
    """Return a link with which one person sets a password, once, within 24 hours.

    Without ``name`` it is the first start's: whoever holds it becomes the first administrator and chooses a name; it is
    worth nothing once there is one. With ``name`` it makes that administrator. ``replacing``: links of that name made
    before end. ``maker_id``: the administrator who makes it, with whose power it ends. Raises InputRefused ("name",
    "role").
    """
    if name is not None:
        name = checked_name(name)
        if await Administrator.exists(name=name):
            raise InputRefused({"name": f"there is already an administrator called {name}"})
    await _check_role(role)
    token = secrets.token_urlsafe(32)
    link = SetupLink(token_hash=hash_token(token), administrator_name=name, role=role, maker_id=maker_id)
    link.expires_at = now + SETUP_LINK_LIFE
    async with transaction():
        if replacing:
            await SetupLink.filter(administrator_name=name, used_at=None).update(used_at=now)
        await link.save(force_create=True)
    return f"{desk.settings.public_url}{SETUP_PATH}?s={token}"


async def first_setup_link(desk: Desk, *, now: datetime) -> str | None:
    """Return the first administrator's setup link, once for all processes and starts; None when it was given before."""
    async with exclusive(desk.settings):
        live = SetupLink.filter(administrator_name=None, used_at=None, expires_at__gt=now)
        return None if await live.exists() else await new_setup_link(desk, now=now)


async def another_setup_link(desk: Desk, *, now: datetime) -> str:
    """Return a new link for the first administrator, and end those made before. InputRefused when there is one."""
    if await any_administrator():
        raise InputRefused({"": "there is an administrator already: use `otae admin create NAME --setup-link`"})
    return await new_setup_link(desk, now=now, replacing=True)


async def find_setup_link(token: str, *, now: datetime) -> SetupLink:
    """Return the link that still works; SetupLinkUnknown for every other, one face for every reason."""
    link = await SetupLink.get_or_none(token_hash=hash_token(token), used_at=None, expires_at__gt=now)
    if link is None or (link.administrator_name is None and await any_administrator()):
        raise SetupLinkUnknown
    if not await is_backed(link, now=now):
        raise SetupLinkUnknown
    return link


async def is_backed(link: SetupLink, *, now: datetime) -> bool:
    """Tell whether whoever made ``link`` may still make administrators of its role."""
    role = await find_role(link.role)
    leaves = {"administrator.edit", *(role.leaves if role else ())}
    return await made_links.is_backed(link.maker_id, leaves, now=now)


async def use_setup_link(
    desk: Desk, token: str, name: str, password: str, *, email: str = "", now: datetime
) -> Administrator:
    """Make the administrator that the link is for; ``name`` counts only where the link leaves it open.

    ``email``: where notices to them go, "" for nowhere. Raises SetupLinkUnknown, or InputRefused ("name", "password",
    "email") or DirectoryUnavailable (about its maker) with the link still good.
    """
    link = await find_setup_link(token, now=now)
    await recheck.look_at_maker(desk, link.maker_id, now=now)
    row = await _checked(link.administrator_name or name, password, link.role, now)
    row.email = checked_address(email)
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
    r"""Return the administrator whose name and password these are; ``network``: the browser's.

    DOMAIN\\NAME is asked of that directory, as `directory_sign_in` says. Raises SigninFailed, never saying which, at
    the same cost whether the name exists or not; SlowDown after several; DirectoryUnavailable, which counts as no try.
    """
    with passwords.place(network):
        domain, bare = registry.split(name)
        domain = "" if domain == person_fields.DOMAIN else domain
        server = await servers.find_directory(domain)
        domain = server.domain if server else domain
        attempt = await throttle.begin(desk, throttle.CONSOLE, network, now)
        await throttle.count_at_the_door(attempt, throttle.account_named(domain, folded(bare)), {"": SHARE})
        if domain:
            try:
                row = await directory_sign_in.sign_in(desk, server, bare, password, attempt)
            except DirectoryUnavailable:
                await attempt.give_back()
                raise
        else:
            row = await _with_password_here(user_name(bare), password)
        if row is None:
            await _note_failure(throttle.account_named(domain, user_name(bare)), network, now)
            raise SigninFailed("console")
        await attempt.succeed()
    await audit.record(row.name, "administrator.signed-in", now=now, subject=row.name, detail=f"from {network}")
    return row


async def _note_failure(name: str, network: str, now: datetime) -> None:
    """Record who of the administrators somebody failed to sign in as; a name that none has is only counted."""
    if name.isprintable() and await Administrator.exists(name=name):
        await audit.record(name, "administrator.sign-in-failed", now=now, subject=name, detail=f"from {network}")
    else:
        await failure_counters.tally(MADE_UP, now)


async def _with_password_here(name: str, password: str) -> Administrator | None:
    """Return the administrator with this password of ours; nobody, somebody disabled and others cost the same."""
    asked = Administrator.filter(name=name, disabled=False, domain=person_fields.DOMAIN)
    row = await asked.first() if has_shape(name) else None
    return row if await passwords.verify_secret(secret(password), row.password_hash if row else None) else None


async def _checked(name: str, password: str, role: str, now: datetime) -> Administrator:
    name = checked_name(name)
    password_strength.check_password(name, password)
    await _check_role(role)
    hashed = await passwords.hash_secret(secret(password))
    return Administrator(name=name, role=role, password_hash=hashed, created_at=now)


async def _check_role(role: str) -> None:
    found = await find_role(role)
    if found is None or not found.leaves:
        raise InputRefused({"role": "choose a role that has a console"})


def checked_name(text: str) -> str:
    """Return an administrator's name as it is kept; InputRefused ("name") for what cannot be one."""
    name = user_name(text)
    if not has_shape(name):
        raise InputRefused({"name": "use 1 to 100 letters, digits or . _ - + @ ', beginning with a letter or digit"})
    return name
