"""Groups of local people: who is in them, and changing that."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q
from tortoise.functions import Count

from otae.directory.local import DOMAIN, has_shape, printable, user_name
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Group, Membership, Person

#: Most characters of a group's name, and of a domain's.
LONGEST = 100


@dataclass(frozen=True)
class GroupRow:
    """A group as lists show it."""

    id: UUID
    domain: str
    name: str
    members: int


async def list_groups(search: str = "", after: str = "", limit: int = 50) -> list[GroupRow]:
    """Return local groups by name with how many people are in each, those behind the name ``after``."""
    rows = Group.filter(domain=DOMAIN)
    if search and (text := printable(search)):
        rows = rows.filter(name__icontains=text)
    if after:
        rows = rows.filter(name__gt=after)
    counted = rows.annotate(members=Count("memberships")).order_by("name").limit(limit)
    return [GroupRow(**row) for row in await counted.values("id", "domain", "name", "members")]


async def group_of(group_id: UUID) -> GroupRow | None:
    """Return the group with this id, None when there is none."""
    row = await Group.get_or_none(id=group_id)
    if row is None:
        return None
    return GroupRow(row.id, row.domain, row.name, await Membership.filter(group_id=row.id).count())


async def find_group(text: str) -> GroupRow | None:
    """Return the group called "[DOMAIN/]NAME", None when there is none; without a domain it is a local one."""
    wanted = text.strip()
    domain, _, name = wanted.partition("/")
    places = [(DOMAIN, wanted), (domain, name)]
    asked = [Q(domain=where, name=what) for where, what in places if max(len(where), len(what)) <= LONGEST and what]
    row = await Group.filter(Q(*asked, join_type="OR")).first() if asked and wanted.isprintable() else None
    return None if row is None else await group_of(row.id)


async def members(
    domain: str, name: str, *, after: tuple[str, UUID | None] | None = None, limit: int = 50
) -> list[Person]:
    """Return the people of a group by user name, those behind ``after`` (user name and id of the last one seen)."""
    rows = Person.filter(memberships__group__domain=domain, memberships__group__name=name, rehearsal=False)
    if after:
        behind = Q(name__gt=after[0])
        rows = rows.filter(behind | Q(name=after[0], id__gt=after[1]) if after[1] else behind)
    return await rows.order_by("name", "id").limit(limit)


async def add_group(desk: Desk, name: str, *, now: datetime, actor: str) -> GroupRow:
    """Make an empty local group; InputRefused ("name") when it cannot be called so."""
    del desk  # every room function that changes something takes it first; this one needs nothing of it
    wanted = name.strip()
    if not wanted or len(wanted) > LONGEST or not wanted.isprintable():
        raise InputRefused({"name": "a group's name has 1 to 100 printable characters"})
    group = Group(domain=DOMAIN, name=wanted)
    try:
        async with transaction():
            await group.save(force_create=True)
            await audit.record(actor, "group.added", now=now, subject=wanted)
    except IntegrityError:
        raise InputRefused({"name": f"there is already a group called {wanted}"}) from None
    return GroupRow(group.id, group.domain, group.name, 0)


async def remove_group(desk: Desk, group: GroupRow, *, now: datetime, actor: str) -> None:
    """Forget a group; its people stay."""
    del desk  # as in add_group
    async with transaction():
        await Group.filter(id=group.id).delete()
        await audit.record(actor, "group.removed", now=now, subject=group.name, detail=f"{group.members} members")


async def add_member(desk: Desk, group: GroupRow, name: str, *, now: datetime, actor: str) -> Person:
    """Put the local person with user name ``name`` into a group; InputRefused ("name") when there is none."""
    del desk  # as in add_group
    wanted = user_name(name)
    person = await Person.get_or_none(domain=DOMAIN, name=wanted, rehearsal=False) if has_shape(wanted) else None
    if person is None:
        raise InputRefused({"name": "there is nobody with this user name"})
    async with transaction():
        await Membership.get_or_create(group_id=group.id, person_id=person.id)
        await audit.record(actor, "group.member-added", now=now, subject=group.name, detail=person.name)
    return person


async def remove_member(desk: Desk, group: GroupRow, person_id: UUID, *, now: datetime, actor: str) -> None:
    """Take somebody out of a group; nothing happens to those who are in none."""
    del desk  # as in add_group
    async with transaction():
        removed = await Membership.filter(group_id=group.id, person_id=person_id).delete()
        if removed:
            await audit.record(actor, "group.member-removed", now=now, subject=group.name, detail=str(person_id))
