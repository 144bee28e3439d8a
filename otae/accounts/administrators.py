"""Administrators: creating the first and further ones, setup links, and signing in with name and password."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae import paths
from otae.accounts import directory_sign_in, guess_alerts, made_links, password_strength, recheck, throttle
from otae.accounts.display_names import checked_display_name
from otae.accounts.notice_addresses import checked_address
from otae.accounts.roles import ADMIN, find_console_role, permissions_of
from otae.directory import registry
from otae.directory.ldap import servers
from otae.directory.local import person_fields
from otae.directory.local.passwords import password_bytes
from otae.directory.local.person_fields import is_user_name, user_name
from otae.errors import DirectoryUnavailable, InputRefused, SetupLinkUnknown, SigninFailed
from otae.store import audit, failure_counters, passwords
from otae.store.database import exclusive, transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, SetupLink
from otae.store.passwords import hash_token
from otae.text import folded
from otae.translatable import N_

SETUP_LINK_LIFE = timedelta(hours=24)
#: Most failures in an hour at the console's sign-in from one network, over all names.
FAILURES_PER_NETWORK = 100
#: Counter of sign-ins with a name that no administrator has.
UNKNOWN_NAME_COUNTER = "console.made-up"


async def create_administrator(
    desk: Desk, *, name: str, password: str, role: str = ADMIN, now: datetime, actor: str
) -> Administrator:
    """Add an administrator. Raises InputRefused with "name", "password" or "role"."""
    row = await _checked(desk, name, password, role, now)
    try:
        async with transaction():
            await row.save(force_create=True)
            await audit.record(actor, "administrator.added", now=now, subject=row.name, detail=role)
    except IntegrityError:
        raise InputRefused({"name": N_("there is already an administrator called %(name)s", name=row.name)}) from None
    return row


async def any_administrator() -> bool:
    """Return whether there is an administrator; until then a setup link is needed."""
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
    """Return a one-time link with which an administrator chooses a password within SETUP_LINK_LIFE.

    Args:
        name: None for the first administrator, who chooses the name; that link stops working once there is one.
        replacing: end earlier links of the same name.
        maker_id: the administrator who makes it; the link ends when they may no longer make it. None for a command.

    Raises:
        InputRefused: ("name", "role").
    """
    if name is not None:
        name = checked_name(name)
        if await Administrator.exists(name=name):
            raise InputRefused({"name": N_("there is already an administrator called %(name)s", name=name)})
    await find_console_role(role)
    token = secrets.token_urlsafe(32)
    link = SetupLink(token_hash=hash_token(token), administrator_name=name, role=role, maker_id=maker_id)
    link.expires_at = now + SETUP_LINK_LIFE
    async with transaction():
        if replacing:
            await SetupLink.filter(administrator_name=name, used_at=None).update(used_at=now)
        await link.save(force_create=True)
    return f"{desk.settings.public_url}{paths.CONSOLE_SETUP(s=token)}"


async def first_setup_link(desk: Desk, *, now: datetime) -> str | None:
    """Return a new setup link for the first administrator; None while one made earlier, or elsewhere, still works."""
    async with exclusive(desk.settings):
        live = SetupLink.filter(administrator_name=None, used_at=None, expires_at__gt=now)
        return None if await live.exists() else await new_setup_link(desk, now=now)


async def replace_first_setup_link(desk: Desk, *, now: datetime) -> str:
    """Return a new setup link for the first administrator and end earlier ones.

    Raises InputRefused ("") when there is an administrator already.
    """
    if await any_administrator():
        raise InputRefused({"": N_("there is an administrator already: use `otae admin create NAME --setup-link`")})
    return await new_setup_link(desk, now=now, replacing=True)


async def find_setup_link(token: str, *, now: datetime) -> SetupLink:
    """Return the setup link with this token. Raises SetupLinkUnknown when it does not work, for whatever reason."""
    link = await SetupLink.get_or_none(token_hash=hash_token(token), used_at=None, expires_at__gt=now)
    if link is None or (link.administrator_name is None and await any_administrator()):
        raise SetupLinkUnknown
    if not await maker_may_invite(link, now=now):
        raise SetupLinkUnknown
    return link


async def maker_may_invite(link: SetupLink, *, now: datetime) -> bool:
    """Return whether the administrator who made ``link`` may still make administrators with its role."""
    permissions = {"administrator.edit"} | await permissions_of(link.role)
    return await made_links.maker_still_may(link.maker_id, permissions, now=now)


async def use_setup_link(
    desk: Desk, token: str, name: str, password: str, *, email: str = "", display_name: str = "", now: datetime
) -> Administrator:
    """Create the administrator that a setup link is for, and use the link up.

    Args:
        name: the chosen name; ignored where the link fixes it.
        email: the address for notices, "" for none.
        display_name: the name that invited people read, "" for none.

    Raises:
        SetupLinkUnknown: the link does not work.
        InputRefused: ("name", "password", "email", "display_name"); the link still works.
        DirectoryUnavailable: the directory of the link's maker does not answer; the link still works.
    """
    link = await find_setup_link(token, now=now)
    await recheck.recheck_maker(desk, link.maker_id, now=now)
    row = await _checked(desk, link.administrator_name or name, password, link.role, now)
    row.email, row.display_name = checked_address(email), checked_display_name(display_name)
    try:
        async with transaction():
            await _use_up(link, now)
            await row.save(force_create=True)
            await audit.record(row.name, "administrator.added", now=now, subject=row.name, detail="setup link")
    except IntegrityError:
        raise InputRefused({"name": N_("there is already an administrator called %(name)s", name=row.name)}) from None
    return row


async def _use_up(link: SetupLink, now: datetime) -> None:
    """Mark the link as used; a link for the first administrator ends all other such links.

    Their rows are locked in one order, so that two links used at the same moment do not deadlock.
    """
    if link.administrator_name is None:
        await SetupLink.filter(administrator_name=None).select_for_update().order_by("id")
        if await any_administrator():
            raise SetupLinkUnknown
    if await SetupLink.filter(id=link.id, used_at=None, expires_at__gt=now).update(used_at=now) != 1:
        raise SetupLinkUnknown
    if link.administrator_name is None:
        await SetupLink.filter(administrator_name=None, used_at=None).update(used_at=now)


async def sign_in(desk: Desk, name: str, password: str, network: str, *, now: datetime) -> Administrator:
    r"""Return the administrator with this name and password; ``network``: the browser's, for counting failures.

    The password of DOMAIN\NAME is checked by that directory, see `directory_sign_in`. A failure takes the same time
    whether the name exists or not.

    Raises:
        SigninFailed: name or password is wrong, without saying which.
        SlowDown: too many failures.
        DirectoryUnavailable: the directory does not answer; this does not count as a failure.
    """
    with passwords.sign_in_slot(desk.resources, network):
        domain, bare = registry.split_domain(name)
        domain = "" if domain == person_fields.DOMAIN else domain
        server = await servers.find_directory(domain)
        domain = server.domain if server else domain
        attempt = await throttle.begin(desk, throttle.CONSOLE, network, now)
        await throttle.count_public_attempt(
            attempt, throttle.account_by_name(domain, folded(bare)), {"": FAILURES_PER_NETWORK}
        )
        if domain:
            try:
                row = await directory_sign_in.sign_in(desk, server, bare, password, attempt)
            except DirectoryUnavailable:
                await attempt.give_back()
                raise
        else:
            row = await _with_local_password(desk, user_name(bare), password)
        if row is None:
            await _note_failure(throttle.account_by_name(domain, user_name(bare)), network, now)
            raise SigninFailed("console")
        await attempt.succeed()
    if row.second_factor_at is None:
        await audit.record(row.name, "administrator.signed-in", now=now, subject=row.name, detail=f"from {network}")
    else:
        detail = f"from {network}"
        await audit.record(row.name, "administrator.password-accepted", now=now, subject=row.name, detail=detail)
    return row


async def _note_failure(name: str, network: str, now: datetime) -> None:
    """Record a failed sign-in in the audit log if ``name`` is an administrator's, else only count it."""
    await guess_alerts.look_at_names(throttle.FAILURES, network, now=now)
    if name.isprintable() and await Administrator.exists(name=name):
        await audit.record(name, "administrator.sign-in-failed", now=now, subject=name, detail=f"from {network}")
    else:
        await failure_counters.increment(UNKNOWN_NAME_COUNTER, now)


async def _with_local_password(desk: Desk, name: str, password: str) -> Administrator | None:
    """Return the administrator with this name and local password, else None; every failure takes the same time."""
    asked = Administrator.filter(name=name, disabled=False, domain=person_fields.DOMAIN)
    row = await asked.first() if is_user_name(name) else None
    stored = row.password_hash if row else None
    return row if await passwords.verify_secret(desk.resources, password_bytes(password), stored) else None


async def _checked(desk: Desk, name: str, password: str, role: str, now: datetime) -> Administrator:
    name = checked_name(name)
    password_strength.check_password(name, password)
    await find_console_role(role)
    hashed = await passwords.hash_secret(desk.resources, password_bytes(password))
    return Administrator(name=name, role=role, password_hash=hashed, created_at=now)


def checked_name(text: str) -> str:
    """Return an administrator's name as it is stored. Raises InputRefused ("name") for an invalid one."""
    name = user_name(text)
    if not is_user_name(name):
        raise InputRefused(
            {"name": N_("use 1 to 100 letters, digits or . _ - + @ ', beginning with a letter or digit")}
        )
    return name
