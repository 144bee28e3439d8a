"""Local groups and their sub-groups: listing them, adding and removing groups and members.

A dot in a name makes a sub-group: the members of "sales.north" are members of "sales" too, wherever members are counted
or listed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from otae.directory.local.person_fields import DOMAIN, is_user_name, user_name, why_no_group
from otae.directory.reach import EVERYBODY, Reach, members_of
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Group, Membership, Person
from otae.store.paging import COUNT_LIMIT, after_values
from otae.text import cleaned_line, folded
from otae.translatable import N_
from otae.words import tally

#: Most characters of a group's name, and of a domain's.
LONGEST_NAME = 100


@dataclass(frozen=True)
class ListedGroup:
    """A group as lists show it. ``members``: how many people, sub-groups included; ``own``: without sub-groups.

    Both are counted up to COUNT_LIMIT; COUNT_LIMIT + 1 stands for any greater number.
    """

    id: UUID
    domain: str
    name: str
    members: int
    own: int = 0
    subgroups: int = 0

    @property
    def depth(self) -> int:
        """How many groups are above this one."""
        return self.name.count(".") if self.domain == DOMAIN else 0

    @property
    def title(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2] if self.domain == DOMAIN else self.name


async def list_groups(
    search: str = "", after: str = "", limit: int = 50, *, reach: Reach = EVERYBODY
) -> list[ListedGroup]:
    """Return local groups with their numbers of members, by name, each followed by its sub-groups.

    ``after``: the name of the last group of the page before.
    """
    rows, text = Group.filter(reach.groups(), domain=DOMAIN), folded(search)
    every = [str(name) for name in await rows.values_list("name", flat=True)]
    names = sorted((name for name in every if text in folded(name)), key=_order)
    page = [name for name in names if not after or _order(name) > _order(after)][:limit]
    found = {row.name: row for row in await Group.filter(domain=DOMAIN, name__in=page)}
    below, listed = await _below(page), []
    for row in (found[name] for name in page if name in found):
        own, ids = await _count([row.id]), below[row.name]
        members = await _count([row.id, *ids]) if ids else own
        listed.append(ListedGroup(row.id, row.domain, row.name, members, own, len(ids)))
    return listed


async def choices(limit: int, *, reach: Reach = EVERYBODY) -> list[Group]:
    """Return local groups within ``reach``, by name, for a choice; without the cost of counting members."""
    return await Group.filter(reach.groups(), domain=DOMAIN).order_by("name").limit(limit)


async def group_of(group_id: UUID, reach: Reach = EVERYBODY) -> ListedGroup | None:
    """Return the group with this id, None when there is none within ``reach``."""
    row = await Group.get_or_none(reach.groups(), id=group_id)
    if row is None:
        return None
    ids = await with_subgroups(row.domain, row.name)
    own = await _count([row.id])
    members = await _count(ids) if len(ids) > 1 else own
    return ListedGroup(row.id, row.domain, row.name, members, own, len(ids) - 1)


async def find_group(text: str, *, reach: Reach = EVERYBODY) -> ListedGroup | None:
    """Return the group "[DOMAIN/]NAME" within ``reach``, None when there is none; without a domain a local one."""
    typed = cleaned_line(text)
    domain, _, name = typed.partition("/")
    meanings = [(DOMAIN, typed), (domain, name)]
    conditions = [
        Q(domain=where, name=what) for where, what in meanings if max(len(where), len(what)) <= LONGEST_NAME and what
    ]
    named = Group.filter(reach.groups(), Q(*conditions, join_type="OR"))
    row = await named.first() if conditions else None
    return None if row is None else await group_of(row.id)


async def with_subgroups(domain: str, name: str) -> list[UUID]:
    """Return the ids of a group and of all its sub-groups; in other domains, where dots mean nothing, only its own."""
    rows = Group.filter(Q(name=name) | Q(name__startswith=f"{name}."), domain=domain)
    # Some databases ignore case when they compare a prefix.
    found = [row for row in await rows.order_by("name") if row.name == name or row.name.startswith(f"{name}.")]
    return [row.id for row in found if domain == DOMAIN or row.name == name]


async def members(
    domain: str, name: str, *, after: tuple[str, UUID | None] | None = None, limit: int = 50
) -> list[Person]:
    """Return the members of a group and its sub-groups by user name, each person once.

    ``after``: user name and id of the last person of the page before.
    """
    ids = await with_subgroups(domain, name)
    rows = Person.filter(await members_of(ids, listed=Person), rehearsal=False)
    if after:
        rows = rows.filter(after_values(("name", after[0]), ("id", after[1])) if after[1] else Q(name__gt=after[0]))
    return await rows.order_by("name", "id").limit(limit)


async def subgroups(group: ListedGroup) -> list[tuple[str, UUID]]:
    """Return name and id of the sub-groups of ``group``, in the order of `list_groups`."""
    ids = await with_subgroups(group.domain, group.name)
    rows = await Group.filter(id__in=ids).exclude(id=group.id)
    return sorted(((row.name, row.id) for row in rows), key=lambda row: _order(row[0]))


async def add_group(name: str, *, now: datetime, actor: str) -> ListedGroup:
    """Add an empty local group, and the missing groups above it. Raises InputRefused ("name")."""
    name = name.strip()
    if why := why_no_group(name):
        raise InputRefused({"name": why})
    group, parts = Group(domain=DOMAIN, name=name), name.split(".")
    try:
        async with transaction():
            for depth in range(1, len(parts)):
                await Group.get_or_create(domain=DOMAIN, name=".".join(parts[:depth]))
            await group.save(force_create=True)
            await audit.record(actor, "group.added", now=now, subject=name)
    except IntegrityError:
        raise InputRefused({"name": N_("there is already a group called %(name)s", name=name)}) from None
    return ListedGroup(group.id, group.domain, group.name, 0)


async def remove_group(group: ListedGroup, *, now: datetime, actor: str) -> None:
    """Remove a group and its sub-groups; their members remain as people."""
    ids = await with_subgroups(group.domain, group.name)
    async with transaction():
        await Group.filter(id__in=ids or [group.id]).delete()
        detail = f"{tally(group.members)} members" + (f", {len(ids) - 1} sub-groups" if len(ids) > 1 else "")
        await audit.record(actor, "group.removed", now=now, subject=group.name, detail=detail)


async def add_member(group: ListedGroup, name: str, *, now: datetime, actor: str) -> Person:
    """Add the local person with user name ``name`` to a group. Raises InputRefused ("name") when there is none."""
    stored_name = user_name(name)
    known = Person.filter(domain=DOMAIN, name=stored_name, rehearsal=False, removed_at=None)
    person = await known.first() if is_user_name(stored_name) else None
    if person is None:
        raise InputRefused({"name": N_("there is nobody with this user name")})
    async with transaction():
        await Membership.get_or_create(group_id=group.id, person_id=person.id)
        await audit.record(actor, "group.member-added", now=now, subject=str(person.id), detail=group.name)
    return person


async def remove_member(group: ListedGroup, person_id: UUID, *, now: datetime, actor: str) -> None:
    """Remove a person from a group, not from its sub-groups; does nothing when they are not a member."""
    async with transaction():
        removed = await Membership.filter(group_id=group.id, person_id=person_id).delete()
        if removed:
            await audit.record(actor, "group.member-removed", now=now, subject=str(person_id), detail=group.name)


async def direct_members(group: ListedGroup, people: Iterable[Person]) -> set[UUID]:
    """Return the ids of those of ``people`` who are members of ``group`` itself, not only of a sub-group."""
    rows = Membership.filter(group_id=group.id, person_id__in=[person.id for person in people])
    return {row.person_id for row in await rows}


def _order(name: str) -> list[str]:
    """Return the sort key that puts sub-groups right behind their group, whatever other names contain."""
    return name.split(".")


async def _below(names: list[str]) -> dict[str, list[UUID]]:
    """Return the ids of the sub-groups of each of ``names``, in one query."""
    top_names = {name.partition(".")[0] for name in names}
    condition = Q(*(Q(name__startswith=f"{top}.") for top in top_names), join_type="OR")
    rows = await Group.filter(condition, domain=DOMAIN).only("id", "name") if top_names else []
    return {name: [row.id for row in rows if row.name.startswith(f"{name}.")] for name in names}


async def _count(group_ids: list[UUID]) -> int:
    """Return how many people are in these groups, each counted once, at most COUNT_LIMIT + 1."""
    listed = ", ".join(f"'{each}'" for each in group_ids)
    some = f"SELECT DISTINCT person_id FROM membership WHERE group_id IN ({listed}) LIMIT {COUNT_LIMIT + 1}"  # noqa: S608 - ids
    rows = await get_connection("default").execute_query_dict(f"SELECT count(*) AS number FROM ({some}) AS counted")  # noqa: S608 - as above
    return int(rows[0]["number"])
