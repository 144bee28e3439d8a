"""Roles that administrators make: what they allow, with whose people, and how they change.

Nobody makes or changes a role beyond what their own allows, and nobody changes the role they have.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.accounts.permissions import LEAVES
from otae.accounts.role_groups import read_groups_soon
from otae.accounts.roles import BUILT_IN, By, RoleRow, as_row
from otae.directory import registry
from otae.errors import DirectoryUnavailable, GroupAmbiguous, InputRefused, OwnRole, StaleState
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, Role, RoleAssignment, SetupLink
from otae.text import cleaned_line, why_refused

LONGEST_NAME, LONGEST_WORDS, MOST_GROUPS = 32, 200, 50


@dataclass(frozen=True)
class Draft:
    """What an own role is to be. ``groups``: "[DOMAIN/]NAME" of those whose people it is limited to, none: no limit."""

    words: str = ""
    leaves: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()


class Columns(TypedDict):
    """What is stored of a draft."""

    description: str
    permissions: list[str]
    groups: list[str]


async def add_role(desk: Desk, name: str, draft: Draft, *, by: By, now: datetime) -> RoleRow:
    """Make a role. Raises InputRefused ("name", "words", "leaves", "groups"), BeyondRole.

    People of a directory's group are within reach when its members were read, which a worker does at once.
    """
    why, name = why_refused(name), cleaned_line(name)
    columns, wrong = await _columns(desk, draft)
    if why or not 1 <= len(name) <= LONGEST_NAME:
        wrong["name"] = f"a role's name has 1 to {LONGEST_NAME} characters in one line"
    elif name.upper() in BUILT_IN or await _is_taken(name):
        wrong["name"] = f"there is already a role called {name}"
    if wrong:
        raise InputRefused(wrong)
    by.check_may_give(draft.leaves)
    row = Role(name=name, created_at=now, **columns)
    try:
        async with transaction():
            await row.save(force_create=True)
            await audit.record(by.name, "role.added", now=now, subject=name, detail=_told(row))
    except IntegrityError:
        raise InputRefused({"name": f"there is already a role called {name}"}) from None
    await read_groups_soon(desk, row.groups, by=by.name, now=now)
    return as_row(row)


async def change_role(desk: Desk, role_id: UUID, draft: Draft, *, by: By, now: datetime) -> RoleRow:
    """Change what a role allows, from everybody's next request on; its name stays.

    Raises InputRefused as `add_role`; BeyondRole when it allows, or is to allow, more than one's own; OwnRole;
    StaleState when it is gone.
    """
    columns, wrong = await _columns(desk, draft)
    if wrong:
        raise InputRefused(wrong)
    async with transaction():
        row = await _taken(role_id, by)
        by.check_may_give(draft.leaves)
        told = _changes(row, columns)
        await Role.filter(id=row.id).update(**columns)
        row.update_from_dict(dict(columns))
        if told:
            await audit.record(by.name, "role.changed", now=now, subject=row.name, detail=told)
    await read_groups_soon(desk, row.groups, by=by.name, now=now)
    return as_row(row)


async def remove_role(role_id: UUID, *, by: By, now: datetime) -> None:
    """Forget a role; InputRefused ("") while somebody has it, the rest as `change_role`."""
    async with transaction():
        row = await _taken(role_id, by)
        if in_use := await users_of(row.name, now=now):
            raise InputRefused({"": f"{row.name} is in use: {', '.join(in_use)}"})
        await Role.filter(id=row.id).delete()
        await audit.record(by.name, "role.removed", now=now, subject=row.name)


async def find_own(role_id: UUID) -> RoleRow | None:
    """Return the own role with this id, None when there is none."""
    row = await Role.get_or_none(id=role_id)
    return None if row is None else as_row(row)


async def users_of(name: str, *, now: datetime) -> list[str]:
    """Return who has the role called ``name``: administrators, open setup links and groups, in words.

    The first administrator's link, which names nobody, is none of them: it ends with the first administrator.
    """
    people = await Administrator.filter(role=name).order_by("name").values_list("name", flat=True)
    open_links = SetupLink.filter(administrator_name__not_isnull=True, role=name, used_at=None, expires_at__gt=now)
    links = await open_links.order_by("administrator_name").values_list("administrator_name", flat=True)
    assigned = await RoleAssignment.filter(role=name).order_by("group").values_list("group", flat=True)
    invited = [f"{each} (setup link)" for each in links]
    return [*map(str, people), *invited, *(f"members of {each}" for each in assigned)]


async def _taken(role_id: UUID, by: By) -> Role:
    """Take the role's row for this transaction, if ``by`` may change it as it is."""
    row = await Role.filter(id=role_id).select_for_update().first()
    if row is None:
        raise StaleState(f"there is no role {role_id} any more")
    if row.name == by.powers.role:
        raise OwnRole
    by.check_may_give(as_row(row).leaves)
    return row


async def _is_taken(name: str) -> bool:
    """Tell whether a role is called so, whatever the letters' case."""
    return name.casefold() in {str(each).casefold() for each in await Role.all().values_list("name", flat=True)}


async def _columns(desk: Desk, draft: Draft) -> tuple[Columns, dict[str, str]]:
    """Return what to store, and what is wrong by field."""
    wrong: dict[str, str] = {}
    words = cleaned_line(draft.words)
    if len(words) > LONGEST_WORDS or why_refused(draft.words):
        wrong["words"] = f"use up to {LONGEST_WORDS} characters in one line"
    if unknown := draft.leaves - frozenset(LEAVES):
        wrong["leaves"] = f"there is no permission {', '.join(sorted(unknown))[:100]}"
    elif not draft.leaves:
        wrong["leaves"] = "choose at least one permission"
    groups = await _groups(desk, draft.groups, wrong)
    unbounded = sorted(leaf for leaf in draft.leaves & frozenset(LEAVES) if not LEAVES[leaf].bounded)
    if (groups or draft.groups) and unbounded and "leaves" not in wrong:
        wrong["leaves"] = f"a role limited to groups cannot have: {', '.join(unbounded)}"
    return {"description": words, "permissions": sorted(draft.leaves), "groups": groups}, wrong


async def _groups(desk: Desk, names: Iterable[str], wrong: dict[str, str]) -> list[str]:
    """Return the groups' whole names, ours and directories'; what is none stands in ``wrong``."""
    wanted = [name.strip() for name in names if name.strip()]
    if len(wanted) > MOST_GROUPS:
        wrong["groups"] = f"name up to {MOST_GROUPS} groups"
        return []
    found: list[str] = []
    for name in wanted:
        try:
            group = await registry.find_group(desk, name)
        except (DirectoryUnavailable, GroupAmbiguous) as refusal:
            wrong["groups"] = refusal.words
            continue
        if group is None:
            wrong["groups"] = f"there is no group called {name[:100]}"
        elif (whole := f"{group.domain}/{group.name}") not in found:
            found.append(whole)
    return found


def _changes(row: Role, columns: Columns) -> str:
    """Return what ``columns`` change of a role, for the audit log."""
    told = audit.changes({"description": row.description}, {"description": columns["description"]})
    kept = {*row.permissions, *(f"only {name}" for name in row.groups)}
    new = {*columns["permissions"], *(f"only {name}" for name in columns["groups"])}
    return ", ".join(
        [told] * bool(told) + [f"+{each}" for each in sorted(new - kept)] + [f"-{each}" for each in sorted(kept - new)]
    )


def _told(row: Role) -> str:
    """Return what an own role allows, for the audit log."""
    limits = f"; only {', '.join(row.groups)}" if row.groups else ""
    return f"{', '.join(row.permissions)}{limits}"
