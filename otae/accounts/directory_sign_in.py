"""Administrators from a directory: the directory checks the password, and a group's assignment gives the role.

Their row is created at the first sign-in, without a password. At every sign-in, and every few minutes while they are
signed in, the role is taken from their groups again. Without a group that gives a role they cannot sign in.
"""

from collections.abc import Iterable
from datetime import datetime

from tortoise.exceptions import IntegrityError

from otae.accounts import browsers, made_links
from otae.accounts.roles import USER, permissions_of
from otae.accounts.throttle import Attempt
from otae.directory import Directory, DirectoryPerson, registry
from otae.directory.ldap import servers
from otae.directory.local.passwords import password_bytes
from otae.errors import GroupAmbiguous, PersonAmbiguous
from otae.store import audit, passwords
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, DirectoryServer, RoleAssignment
from otae.text import folded

#: The length of the column of names.
_LONGEST = 100


async def sign_in(
    desk: Desk, server: DirectoryServer | None, name: str, password: str, attempt: Attempt
) -> Administrator | None:
    """Check a password with a directory, and return the updated administrator; None when they may not sign in.

    A directory without role assignments is not contacted. In any other, a failure takes the same time whether the name
    exists or not.

    Args:
        server: None for an unknown domain.
        name: the user name without the domain.
        attempt: counted here under the person whom the directory finds.

    Raises:
        DirectoryUnavailable: the directory does not answer.
        SlowDown: the account is locked out for a while.
    """
    assigned = await _assignments(server.domain) if server else []
    if server is None or not assigned:
        await passwords.verify_secret(desk.resources, password_bytes(password), None)
        return None
    await attempt.count_named(server, folded(name))
    directory = await registry.directory_of(desk, server.domain)
    found = await _find(directory, name, attempt.now)
    await attempt.count_found(server, found.directory_id if found else None, folded(name))
    right = await directory.check_password(found, password)
    if found is None or not right:
        return None
    return await _save(found, await _role(directory, assigned, found), attempt.now)


async def recheck(desk: Desk, row: Administrator, *, now: datetime) -> None:
    """Update an administrator from their directory; sign them out when they are gone, disabled or without a role.

    Raises:
        DirectoryUnavailable: the directory does not answer; nothing is changed.
    """
    server = await servers.find_directory(row.domain)
    assigned = await _assignments(row.domain) if server else []
    found = None
    if server is not None and assigned:
        directory = await registry.directory_of(desk, row.domain)
        found = await directory.find_by_id(row.directory_id or "")
        if found is not None and not found.is_disabled(now):
            await _update_row(found, await _role(directory, assigned, found), now)
            return
    async with transaction():
        await browsers.close_all(row)
        await made_links.end_links(row.id, now)
        if await Administrator.filter(id=row.id).exclude(role=USER).update(role=USER) == 1:
            why = "disabled in the directory" if found else "gone from the directory"
            detail = f"{row.role} → {USER}: {why}"
            await audit.record(row.domain, "administrator.role-changed", now=now, subject=row.name, detail=detail)


async def any_assignment() -> bool:
    """Return whether any group of a directory has a role assigned."""
    return await RoleAssignment.exists()


async def _assignments(domain: str) -> list[RoleAssignment]:
    """Return the role assignments of a directory's groups, the role with most permissions first."""
    rows = [row for row in await RoleAssignment.all().order_by("group") if row.group.partition("/")[0] == domain]
    strength = {row.role: len(await permissions_of(row.role)) for row in rows}
    return sorted((row for row in rows if strength[row.role]), key=lambda row: -strength[row.role])


async def _find(directory: Directory, name: str, now: datetime) -> DirectoryPerson | None:
    try:
        found = await directory.find_person(name)
    except PersonAmbiguous:
        return None
    return found if found and found.is_called(name) and not found.is_disabled(now) else None


async def _role(directory: Directory, assigned: Iterable[RoleAssignment], found: DirectoryPerson) -> str:
    """Return the role of the first of ``assigned`` whose group has the person as a member, USER for none."""
    for each in assigned:
        if await _is_member(directory, each.group.partition("/")[2], found):
            return each.role
    return USER


async def _is_member(directory: Directory, name: str, found: DirectoryPerson) -> bool:
    try:
        group = await directory.find_group(name)
    except GroupAmbiguous:
        return False
    after = ""
    while group is not None:
        page = await directory.members(group, after)
        if any(each.directory_id == found.directory_id for each in page.people):
            return True
        if not (after := page.after):
            break
    return False


async def _save(found: DirectoryPerson, role: str, now: datetime) -> Administrator | None:
    """Create or update the administrator's row and return it; None when they are disabled here or have no role."""
    try:
        row = await _update_row(found, role, now)
    except IntegrityError:  # the same person's first sign-in at the same moment
        row = await _update_row(found, role, now)
    return None if row is None or row.disabled or row.role == USER else row


async def _update_row(found: DirectoryPerson, role: str, now: datetime) -> Administrator | None:
    name = f"{found.domain}\\{found.name}"[:_LONGEST]
    async with transaction():
        same_person = Administrator.filter(domain=found.domain, directory_id=found.directory_id)
        row = await same_person.select_for_update().first()
        if row is None and role == USER:
            return None
        await _free_name(name, row, now)
        if row is None:
            row = Administrator(name=name, domain=found.domain, directory_id=found.directory_id, role=role)
            row.password_hash, row.created_at, row.checked_at = "", now, now
            row.display_name = found.display_name
            await row.save(force_create=True)
            await audit.record(found.domain, "administrator.added", now=now, subject=name, detail=role)
            return row
        if row.role != role:
            await browsers.close_all(row)
            await made_links.end_links(row.id, now)
            detail = f"{row.role} → {role}"
            await audit.record(found.domain, "administrator.role-changed", now=now, subject=name, detail=detail)
        current = {"role": role, "name": name, "display_name": found.display_name, "checked_at": now}
        await Administrator.filter(id=row.id).update(**current)
        row.update_from_dict(current)
    return row


async def _free_name(name: str, row: Administrator | None, now: datetime) -> None:
    """Take ``name`` from any other administrator than ``row``: rename them, and sign their browsers out."""
    other = await Administrator.get_or_none(name=name)
    if other is not None and (row is None or other.id != row.id):
        await Administrator.filter(id=other.id).update(name=f"{name[:60]}~{other.id.hex}")
        await browsers.close_all(other)
        await audit.record(other.domain, "administrator.renamed", now=now, subject=name, detail="the name went on")
