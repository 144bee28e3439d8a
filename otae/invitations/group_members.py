"""The people of a group in a directory, a page at a time, as rows of ours."""

from datetime import datetime

from otae.directory import DirectoryGroup, registry
from otae.store.desk import Desk
from otae.store.models import GroupInvitation, GroupInvitee, Person


async def page(desk: Desk, row: GroupInvitation, *, now: datetime) -> tuple[list[Person], str]:
    """Return the next people of an order's group, and the order's new place, "" after the last; DirectoryUnavailable.

    Who was found before is left out: a group is walked anew where a worker died, and may change meanwhile.
    """
    dn, _, after = row.place.partition("\n")
    directory = await registry.directory_of(desk, row.domain)
    found = await directory.members(DirectoryGroup(row.domain, row.name, dn), after)
    people = {person.id: person for person in await registry.save_people(found.people, now)}
    known = GroupInvitee.filter(group_invitation_id=row.id, person_id__in=list(people))
    seen = {line.person_id for line in await known.only("id", "person_id")}
    return [person for key, person in people.items() if key not in seen], f"{dn}\n{found.after}" if found.after else ""
