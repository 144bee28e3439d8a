"""Reads the members of a directory's group, one page at a time, and keeps them as local rows."""

from datetime import datetime

from otae.directory import DirectoryGroup, registry
from otae.store.desk import Desk
from otae.store.models import GroupInvitation, GroupInvitee, Person


async def next_page(desk: Desk, row: GroupInvitation, *, now: datetime) -> tuple[list[Person], str]:
    """Return the next members of the order's group, and the position after them, "" after the last page.

    Members that the order has already are left out: the walk starts again after a worker died, and the group may
    change. Raises DirectoryUnavailable.
    """
    dn, _, after = row.place.partition("\n")
    directory = await registry.directory_of(desk, row.domain)
    page = await directory.members(DirectoryGroup(row.domain, row.name, dn), after)
    people = {person.id: person for person in await registry.save_people(page.people, now)}
    known = GroupInvitee.filter(group_invitation_id=row.id, person_id__in=list(people))
    seen = {line.person_id for line in await known.only("id", "person_id")}
    return [person for key, person in people.items() if key not in seen], f"{dn}\n{page.after}" if page.after else ""
