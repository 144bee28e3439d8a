"""Administrators who are in a group of a directory: the directory knows the password, the group gives the role.

They have a row from their first sign-in on, without a password; at every sign-in, and every few minutes while they are
signed in, its role becomes what their groups give them then. Who is in none of those groups is let in no more.
"""

from collections.abc import Iterable
from datetime import datetime

from tortoise.exceptions import IntegrityError

from otae.accounts import browsers, made_links
from otae.accounts.roles import USER, find_role
from otae.accounts.throttle import Attempt
from otae.directory import Directory, Found, registry
from otae.directory.ldap import servers
from otae.directory.local import secret
from otae.errors import GroupAmbiguous, PersonAmbiguous
from otae.store import audit, passwords
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, DirectoryServer, RoleAssignment
from otae.text import folded

_LONGEST = 100


async def sign_in(
    desk: Desk, server: DirectoryServer | None, name: str, password: str, attempt: Attempt
) -> Administrator | None:
    """Return whoever signs in as ``name`` of a directory, brought up to date; None when they are not let in.

    ``server``: None where the domain named is nobody's. A directory whose groups give nobody a role is not asked at
    all. Whether a name exists in one that is, costs the same. Raises DirectoryUnavailable; SlowDown while the account
    is left alone.
    """
    assigned = await _assigned(server.domain) if server else []
    if server is None or not assigned:
        await passwords.verify_secret(secret(password), None)
        return None
    await attempt.count_named(server, folded(name))
    directory = await registry.directory_of(desk, server.domain)
    found = await _found(directory, name, attempt.now)
    await attempt.count_found(server, found.directory_id if found else None, folded(name))
    right = await directory.check_password(found, password)
    if found is None or not right:
        return None
    return await _kept(found, await _role(directory, assigned, found), attempt.now)


async def look_again(desk: Desk, row: Administrator, *, now: datetime) -> None:
    """Bring a row up to what the directory says now; who is gone, disabled or in no such group is signed out.

    Raises DirectoryUnavailable, and then nothing changed.
    """
    server = await servers.find_directory(row.domain)
    assigned = await _assigned(row.domain) if server else []
    found = None
    if server is not None and assigned:
        directory = await registry.directory_of(desk, row.domain)
        found = await directory.person_of(row.directory_id or "")
        if found is not None and not found.is_disabled(now):
            await _brought_up_to_date(found, await _role(directory, assigned, found), now)
            return
    async with transaction():
        await browsers.close_all(row)
        await made_links.end_links(row.id, now)
        if await Administrator.filter(id=row.id).exclude(role=USER).update(role=USER) == 1:
            why = "disabled in the directory" if found else "gone from the directory"
            detail = f"{row.role} → {USER}: {why}"
            await audit.record(row.domain, "administrator.role-changed", now=now, subject=row.name, detail=detail)


async def any_assignment() -> bool:
    """Tell whether the groups of some directory give roles."""
    return await RoleAssignment.exists()


async def _assigned(domain: str) -> list[RoleAssignment]:
    """Return what the groups of a directory give, the role that allows most first."""
    rows = [row for row in await RoleAssignment.all().order_by("group") if row.group.partition("/")[0] == domain]
    strength = {row.role: len(role.leaves) if (role := await find_role(row.role)) else 0 for row in rows}
    return sorted((row for row in rows if strength[row.role]), key=lambda row: -strength[row.role])


async def _found(directory: Directory, name: str, now: datetime) -> Found | None:
    try:
        found = await directory.find_person(name)
    except PersonAmbiguous:
        return None
    return found if found and found.is_called(name) and not found.is_disabled(now) else None


async def _role(directory: Directory, assigned: Iterable[RoleAssignment], found: Found) -> str:
    """Return the first of ``assigned`` roles whose group holds the person, USER for none."""
    for each in assigned:
        if await _is_member(directory, each.group.partition("/")[2], found):
            return each.role
    return USER


async def _is_member(directory: Directory, name: str, found: Found) -> bool:
    try:
        group = await directory.find_group(name)
    except GroupAmbiguous:
        return False
    after = ""
    while group is not None:
        page = await directory.members(group, after)
        if any(each.directory_id == found.directory_id for each in page.people):
            return True
        after = page.after
        if not after:
            break
    return False


async def _kept(found: Found, role: str, now: datetime) -> Administrator | None:
    """Return the row, made or brought up to date; None for somebody disabled here, or without a role."""
    try:
        row = await _brought_up_to_date(found, role, now)
    except IntegrityError:  # the same person's first sign-in at the same moment
        row = await _brought_up_to_date(found, role, now)
    return None if row is None or row.disabled or row.role == USER else row


async def _brought_up_to_date(found: Found, role: str, now: datetime) -> Administrator | None:
    name = _called(found)
    async with transaction():
        mine = Administrator.filter(domain=found.domain, directory_id=found.directory_id)
        row = await mine.select_for_update().first()
        if row is None and role == USER:
            return None
        await _free(name, row, now)
        if row is None:
            row = Administrator(name=name, domain=found.domain, directory_id=found.directory_id, role=role)
            row.password_hash, row.created_at, row.checked_at = "", now, now
            await row.save(force_create=True)
            await audit.record(found.domain, "administrator.added", now=now, subject=name, detail=role)
            return row
        if row.role != role:
            await browsers.close_all(row)
            await made_links.end_links(row.id, now)
            detail = f"{row.role} → {role}"
            await audit.record(found.domain, "administrator.role-changed", now=now, subject=name, detail=detail)
        await Administrator.filter(id=row.id).update(role=role, name=name, checked_at=now)
        row.role, row.name, row.checked_at = role, name, now
    return row


async def _free(name: str, row: Administrator | None, now: datetime) -> None:
    """Take the name from somebody else who had it in the directory before, and sign their browsers out."""
    other = await Administrator.get_or_none(name=name)
    if other is not None and (row is None or other.id != row.id):
        await Administrator.filter(id=other.id).update(name=f"{name[:60]}~{other.id.hex}")
        await browsers.close_all(other)
        await audit.record(other.domain, "administrator.renamed", now=now, subject=name, detail="the name went on")


def _called(found: Found) -> str:
    r"""Return what an administrator of a directory is called here: DOMAIN\\NAME, as long as fits."""
    return f"{found.domain}\\{found.name}"[:_LONGEST]
