"""Roles that administrators make: adding, changing and removing them.

Nobody makes or changes a role that allows more than their own, and nobody changes the role they have.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.accounts.permissions import PERMISSIONS
from otae.accounts.role_groups import read_groups_soon
from otae.accounts.roles import BUILT_IN, Grantor, RoleDefinition, definition_of
from otae.directory import registry
from otae.errors import DirectoryUnavailable, GroupAmbiguous, InputRefused, OwnRole, StaleState
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, Role, RoleAssignment, SetupLink
from otae.text import cleaned_line, why_refused
from otae.translatable import N_

LONGEST_NAME, LONGEST_WORDS, MOST_GROUPS = 32, 200, 50


@dataclass(frozen=True)
class RoleDraft:
    """The values that an administrator enters for a role.

    ``words``: its description; ``groups``: "[DOMAIN/]NAME" of the groups it is limited to, none for no limit.
    ``second_factor``: whether its administrators need one.
    """

    words: str = ""
    permissions: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    second_factor: bool = False


async def add_role(desk: Desk, name: str, draft: RoleDraft, *, by: Grantor, now: datetime) -> RoleDefinition:
    """Add a role; a job that reads the members of its directories' groups is enqueued.

    Raises:
        InputRefused: ("name", "words", "leaves", "groups").
        BeyondRole: the role allows more than ``by`` may do.
    """
    why, name = why_refused(name), cleaned_line(name)
    columns, wrong = await _columns(desk, draft)
    if why or not 1 <= len(name) <= LONGEST_NAME:
        wrong["name"] = N_("a role's name has 1 to %(longest_name)s characters in one line", longest_name=LONGEST_NAME)
    elif name.upper() in BUILT_IN or name.casefold() in {role.name.casefold() for role in await Role.all()}:
        wrong["name"] = N_("there is already a role called %(name)s", name=name)
    if wrong:
        raise InputRefused(wrong)
    by.check_may_give(draft.permissions)
    row = Role(name=name, created_at=now, **columns)
    try:
        async with transaction():
            await row.save(force_create=True)
            await audit.record(by.name, "role.added", now=now, subject=name, detail=_describe(row))
    except IntegrityError:
        raise InputRefused({"name": N_("there is already a role called %(name)s", name=name)}) from None
    await read_groups_soon(desk, row.groups, by=by.name, now=now)
    return definition_of(row)


async def change_role(desk: Desk, role_id: UUID, draft: RoleDraft, *, by: Grantor, now: datetime) -> RoleDefinition:
    """Change a role's permissions, groups and description, from everybody's next request on; its name stays.

    Raises:
        InputRefused: as `add_role`.
        BeyondRole: the role allows, or would allow, more than ``by`` may do.
        OwnRole: ``by`` has this role.
        StaleState: the role is gone.
    """
    columns, wrong = await _columns(desk, draft)
    if wrong:
        raise InputRefused(wrong)
    async with transaction():
        row = await _lock(role_id, by)
        by.check_may_give(draft.permissions)
        detail = _changes(row, columns)
        await Role.filter(id=row.id).update(**columns)
        row.update_from_dict(columns)
        if detail:
            await audit.record(by.name, "role.changed", now=now, subject=row.name, detail=detail)
    await read_groups_soon(desk, row.groups, by=by.name, now=now)
    return definition_of(row)


async def remove_role(role_id: UUID, *, by: Grantor, now: datetime) -> None:
    """Remove a role. Raises InputRefused ("") while it is in use, else as `change_role`."""
    async with transaction():
        row = await _lock(role_id, by)
        if in_use := await users_of(row.name, now=now):
            raise InputRefused({"": N_("%(name)s is in use: %(in_use)s", name=row.name, in_use=", ".join(in_use))})
        await Role.filter(id=row.id).delete()
        await audit.record(by.name, "role.removed", now=now, subject=row.name)


async def find_own(role_id: UUID) -> RoleDefinition | None:
    """Return the role with this id that an administrator made, None when there is none."""
    row = await Role.get_or_none(id=role_id)
    return None if row is None else definition_of(row)


async def users_of(name: str, *, now: datetime) -> list[str]:
    """Return what uses the role called ``name``, as texts: administrators, open setup links and groups.

    The setup link of the first administrator is left out: it ends once there is an administrator.
    """
    people = await Administrator.filter(role=name).order_by("name").values_list("name", flat=True)
    open_links = SetupLink.filter(administrator_name__not_isnull=True, role=name, used_at=None, expires_at__gt=now)
    links = await open_links.order_by("administrator_name").values_list("administrator_name", flat=True)
    assigned = await RoleAssignment.filter(role=name).order_by("group").values_list("group", flat=True)
    invited = [N_("%(name)s (setup link)", name=each) for each in links]
    return [*map(str, people), *invited, *(N_("members of %(group)s", group=each) for each in assigned)]


async def _lock(role_id: UUID, by: Grantor) -> Role:
    """Lock the role's row for this transaction, after checking that ``by`` may change it."""
    row = await Role.filter(id=role_id).select_for_update().first()
    if row is None:
        raise StaleState(f"there is no role {role_id} any more")
    if row.name == by.powers.role:
        raise OwnRole
    by.check_may_give(definition_of(row).permissions)
    return row


async def _columns(desk: Desk, draft: RoleDraft) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the columns to store, and what is wrong, by field."""
    wrong: dict[str, str] = {}
    words = cleaned_line(draft.words)
    if len(words) > LONGEST_WORDS or why_refused(draft.words):
        wrong["words"] = N_("use up to %(longest_words)s characters in one line", longest_words=LONGEST_WORDS)
    if unknown := draft.permissions - frozenset(PERMISSIONS):
        wrong["leaves"] = N_("there is no permission %(unknown)s", unknown=", ".join(sorted(unknown))[:100])
    elif not draft.permissions:
        wrong["leaves"] = N_("choose at least one permission")
    groups = await _groups(desk, draft.groups, wrong)
    unbounded = sorted(name for name in draft.permissions & PERMISSIONS.keys() if not PERMISSIONS[name].bounded)
    if (groups or draft.groups) and unbounded and "leaves" not in wrong:
        wrong["leaves"] = N_("a role limited to groups cannot have: %(unbounded)s", unbounded=", ".join(unbounded))
    columns = {"description": words, "permissions": sorted(draft.permissions), "groups": groups}
    return {**columns, "second_factor": draft.second_factor}, wrong


async def _groups(desk: Desk, names: Iterable[str], wrong: dict[str, str]) -> list[str]:
    """Return "DOMAIN/NAME" of each group in ``names``; add what is not found to ``wrong``."""
    given = [name.strip() for name in names if name.strip()]
    if len(given) > MOST_GROUPS:
        wrong["groups"] = N_("name up to %(most_groups)s groups", most_groups=MOST_GROUPS)
        return []
    full_names: list[str] = []
    for name in given:
        try:
            group = await registry.find_group(desk, name)
        except (DirectoryUnavailable, GroupAmbiguous) as refusal:
            wrong["groups"] = refusal.words
            continue
        if group is None:
            wrong["groups"] = N_("there is no group called %(name)s", name=name[:100])
        elif (whole := f"{group.domain}/{group.name}") not in full_names:
            full_names.append(whole)
    return full_names


def _changes(row: Role, columns: dict[str, Any]) -> str:
    """Return what ``columns`` change in a role, as text for the audit log."""
    fields = ("description", "second_factor")
    described = audit.describe_changes(
        {name: getattr(row, name) for name in fields}, {name: columns[name] for name in fields}
    )
    kept = {*row.permissions, *(f"only {name}" for name in row.groups)}
    new = {*columns["permissions"], *(f"only {name}" for name in columns["groups"])}
    return ", ".join(
        [described] * bool(described)
        + [f"+{each}" for each in sorted(new - kept)]
        + [f"-{each}" for each in sorted(kept - new)]
    )


def _describe(row: Role) -> str:
    """Return a role's permissions and groups, as text for the audit log."""
    limits = f"; only {', '.join(row.groups)}" if row.groups else ""
    return f"{', '.join(row.permissions)}{limits}{'; second factor needed' if row.second_factor else ''}"
