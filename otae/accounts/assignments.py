"""Roles assigned to groups of directories: the members of such a group are administrators with its role."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.accounts import browsers, made_links
from otae.accounts.roles import Grantor, find_console_role, permissions_of
from otae.directory import registry
from otae.directory.local.person_fields import DOMAIN
from otae.errors import DirectoryUnavailable, GroupAmbiguous, InputRefused, StaleState
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, RoleAssignment
from otae.translatable import N_


@dataclass(frozen=True)
class Assignment:
    """A role assigned to the members of ``group`` ("DOMAIN/NAME")."""

    id: UUID
    group: str
    role: str


async def list_assignments() -> list[Assignment]:
    """Return all assignments, by group."""
    return [Assignment(row.id, row.group, row.role) for row in await RoleAssignment.all().order_by("group")]


async def assign(desk: Desk, group: str, role: str, *, by: Grantor, now: datetime) -> Assignment:
    """Assign a role to the members of a directory's group, from their next sign-in on.

    Raises:
        InputRefused: ("group", "role").
        BeyondRole: the role allows more than ``by`` may do.
    """
    name = await _full_name(desk, group)
    found = await find_console_role(role)
    by.check_may_give(found.permissions)
    row = RoleAssignment(group=name, role=found.name, created_at=now)
    try:
        async with transaction():
            await row.save(force_create=True)
            await audit.record(by.name, "role.assigned", now=now, subject=name, detail=role)
    except IntegrityError:
        raise InputRefused(
            {"group": N_("the members of %(name)s have a role already: take it away first", name=name)}
        ) from None
    return Assignment(row.id, row.group, row.role)


async def unassign(assignment_id: UUID, *, by: Grantor, now: datetime) -> str:
    """Remove an assignment, sign out the administrators of that directory who have its role, and return the group.

    Raises:
        StaleState: the assignment is gone.
        BeyondRole: the role allows more than ``by`` may do.
    """
    row = await RoleAssignment.get_or_none(id=assignment_id)
    if row is None:
        raise StaleState("these members have no such role any more")
    by.check_may_give(await permissions_of(row.role))
    async with transaction():
        if await RoleAssignment.filter(id=row.id).delete() != 1:
            raise StaleState("somebody else took the role away a moment ago")
        for each in await Administrator.filter(domain=row.group.partition("/")[0], role=row.role):
            await browsers.close_all(each)
            await made_links.end_links(each.id, now)
        await audit.record(by.name, "role.unassigned", now=now, subject=row.group, detail=row.role)
    return row.group


async def _full_name(desk: Desk, text: str) -> str:
    """Return "DOMAIN/NAME" of the group that ``text`` names.

    Raises InputRefused ("group") unless it names exactly one group of a directory that answers.
    """
    try:
        group = await registry.find_group(desk, text)
    except (DirectoryUnavailable, GroupAmbiguous) as refusal:
        raise InputRefused({"group": refusal.words}) from None
    if group is None or group.domain == DOMAIN:
        raise InputRefused({"group": N_("name a group of a directory, such as corp/helpdesk")})
    return f"{group.domain}/{group.name}"
