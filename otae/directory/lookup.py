"""Finding people the way pages name them: by id, by what a list is narrowed to, and with the groups they are in."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from otae.directory import groups
from otae.directory.local import address_of, find_person
from otae.directory.person_fields import DOMAIN, printable
from otae.directory.reach import EVERYBODY, Reach, members_of
from otae.store.models import Group, Membership, Person
from otae.store.paging import behind
from otae.store.search_text import holds

#: Name for those who show rows and may not know the tables.
PersonRow: TypeAlias = Person
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@dataclass(frozen=True)
class Narrowing:
    """What a list of people is narrowed to; what is empty narrows nothing.

    ``search``: part of a user name, name or e-mail address. ``group``: "[DOMAIN/]NAME", sub-groups included.
    ``among``: only these, by id.
    """

    search: str = ""
    group: str = ""
    domain: str = ""
    role: str = ""
    disabled: bool = False
    among: Collection[UUID] | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is narrowed."""
        asked = (self.search, self.group, self.domain, self.role)
        return any(asked) or self.disabled or self.among is not None


async def narrowed(wanted: Narrowing, *, after: str = "", limit: int = 50, reach: Reach = EVERYBODY) -> list[Person]:
    """Return people by user name, those behind ``after`` (as `cursor` names the last one seen).

    Rehearsal people and removed ones are left out.
    """
    rows = Person.filter(reach.people(listed=Person), rehearsal=False, removed_at=None)
    if wanted.search:
        rows = rows.filter(await holds(Person, wanted.search))
    if wanted.group:
        found = await groups.find_group(wanted.group, reach=reach)
        ids = await groups.with_subgroups(found.domain, found.name) if found else []
        rows = rows.filter(await members_of(ids, listed=Person))
    for field, text in (("domain", wanted.domain), ("role", wanted.role)):
        if text:
            rows = rows.filter(**{field: printable(text)})
    if wanted.disabled:
        rows = rows.filter(disabled=True)
    if wanted.among is not None:
        rows = rows.filter(id__in=list(wanted.among) or [UUID(int=0)])
    if after:
        name, _, domain = printable(after).partition("|")
        rows = rows.filter(behind(("name", name), ("domain", domain or DOMAIN)))
    return await rows.order_by("name", "domain").limit(limit)


def cursor(person: Person) -> str:
    """Return what names ``person`` as the last one seen of a list."""
    return person.name if person.domain == DOMAIN else f"{person.name}|{person.domain}"


async def person_of(person_id: UUID, *, reach: Reach = EVERYBODY) -> Person | None:
    """Return the person with this id, None when there is none within reach; rehearsal people are left out."""
    return await Person.get_or_none(reach.people(), id=person_id, rehearsal=False)


async def groups_of_people(people: Iterable[Person], *, reach: Reach = EVERYBODY) -> dict[UUID, list[str]]:
    """Return for the id of each of ``people`` who is in a group what names the groups, sorted, as `local.groups_of`.

    Groups out of ``reach`` are left out.
    """
    found: dict[UUID, list[str]] = {}
    ids = [person.id for person in people]
    rows = await Membership.filter(reach.groups("group_id"), person_id__in=ids).prefetch_related("group")
    for row in rows:
        found.setdefault(row.person_id, []).append(address_of(row.group))
    return {person_id: sorted(names) for person_id, names in found.items()}


async def group_names(limit: int = 200, *, reach: Reach = EVERYBODY) -> list[str]:
    """Return the names of local groups within ``reach``, sorted."""
    rows = await Group.filter(reach.groups(), domain=DOMAIN).order_by("name").limit(limit)
    return [row.name for row in rows]


async def domains(*, reach: Reach = EVERYBODY) -> list[str]:
    """Return where the people within ``reach`` come from, sorted: "local", and the directories of those we know."""
    there = Person.filter(reach.people(), rehearsal=False, removed_at=None).order_by("domain", "name")
    last, found = "", {DOMAIN}
    # One look at an index for each domain, in place of one at each person.
    while row := await there.filter(domain__gt=last).first().only("domain"):
        last = row.domain
        found.add(last)
    return sorted(found)


async def id_meant(text: str) -> str:
    """Return the id of the local person with user name ``text``, as logs hold it; "" when it is nobody's."""
    person = await find_person(text) if text else None
    return str(person.id) if person else ""


async def names_in(texts: Iterable[str]) -> dict[str, str]:
    """Return the user names of the people whose ids stand in ``texts``, by id, of those who are still there.

    Logs hold ids, so that names can be forgotten.
    """
    ids = {found for text in texts for found in _ID.findall(text)}
    rows = await Person.filter(id__in=[UUID(text) for text in ids], removed_at=None).values_list("id", "name")
    return {str(person_id): str(name) for person_id, name in rows}


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return ``text`` with ``names``, as `names_in` gives them, in the place of the ids."""
    return _ID.sub(lambda found: names.get(found[0], found[0]), text)
