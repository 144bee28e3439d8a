"""Finding people the way pages name them: by id, and with the groups they are in."""

from collections.abc import Iterable
from uuid import UUID

from otae.directory.local import DOMAIN
from otae.store.models import Group, Membership, Person


async def person_of(person_id: UUID) -> Person | None:
    """Return the person with this id, None when there is none; rehearsal people are left out."""
    return await Person.get_or_none(id=person_id, rehearsal=False)


async def groups_of_people(people: Iterable[Person]) -> dict[UUID, list[str]]:
    """Return for the id of each of ``people`` who is in a group the names of the groups, sorted."""
    found: dict[UUID, list[str]] = {}
    rows = await Membership.filter(person_id__in=[person.id for person in people]).prefetch_related("group")
    for row in rows:
        found.setdefault(row.person_id, []).append(row.group.name)
    return {person_id: sorted(names) for person_id, names in found.items()}


async def group_names(limit: int = 200) -> list[str]:
    """Return the names of local groups, sorted."""
    rows = await Group.filter(domain=DOMAIN).order_by("name").limit(limit)
    return [row.name for row in rows]
