"""Finding people for pages and commands: by id or by a list's filters, with their groups; names for logged ids."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.directory.local import groups
from otae.directory.local.people import address_of, find_person
from otae.directory.local.person_fields import DOMAIN, printable
from otae.directory.reach import EVERYBODY, Reach, members_of
from otae.store.database import dialect
from otae.store.models import Membership, Person
from otae.store.paging import after_values, count_capped
from otae.store.search_text import contains

#: Name of the table's rows for rooms that may not import models.
PersonRow: TypeAlias = Person
#: Most people of a department that a search finds.
MOST_OF_A_DEPARTMENT: Final = 200
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@dataclass(frozen=True)
class PeopleFilter:
    """The filters of a list of people; empty ones have no effect.

    ``search``: part of a user name, name or e-mail address. ``group``: "[DOMAIN/]NAME", sub-groups included.
    ``by_department``: search their property "department", too. ``ids``: only the people with these ids.
    """

    search: str = ""
    by_department: bool = False
    group: str = ""
    domain: str = ""
    role: str = ""
    disabled: bool = False
    ids: Collection[UUID] | None = None

    def __bool__(self) -> bool:
        """Return whether any filter is set."""
        asked = (self.search, self.group, self.domain, self.role)
        return any(asked) or self.disabled or self.ids is not None


async def filter_people(
    filters: PeopleFilter, *, after: str = "", before: str = "", limit: int = 50, reach: Reach = EVERYBODY
) -> list[Person]:
    """Return the people that match all filters, by user name; rehearsal people and removed ones are left out.

    ``after``: the `cursor` of the last person of the page before; ``before``: that of the first one of the next page,
    whose predecessors are returned instead.
    """
    rows = await _matching(filters, reach)
    if place := before or after:
        name, _, domain = printable(place).partition("|")
        rows = rows.filter(after_values(("name", name), ("domain", domain or DOMAIN), down=bool(before)))
    if not before:
        return await rows.order_by("name", "domain").limit(limit)
    found = await rows.order_by("-name", "-domain").limit(limit)
    return found[::-1]


async def count_people(filters: PeopleFilter, *, reach: Reach = EVERYBODY) -> int:
    """Return how many people match all filters, bounded as by `count_capped`."""
    return await count_capped(await _matching(filters, reach))


async def _matching(filters: PeopleFilter, reach: Reach) -> QuerySet[Person]:
    rows = Person.filter(reach.people(listed=Person), rehearsal=False, removed_at=None)
    if filters.search:
        found_by = await contains(Person, filters.search)
        if filters.by_department:
            found_by |= Q(id__in=await _of_department(filters.search) or [UUID(int=0)])
        rows = rows.filter(found_by)
    if filters.group:
        found = await groups.find_group(filters.group, reach=reach)
        ids = await groups.with_subgroups(found.domain, found.name) if found else []
        rows = rows.filter(await members_of(ids, listed=Person))
    for field, text in (("domain", filters.domain), ("role", filters.role)):
        if text:
            rows = rows.filter(**{field: printable(text)})
    if filters.disabled:
        rows = rows.filter(disabled=True)
    if filters.ids is not None:
        rows = rows.filter(id__in=list(filters.ids) or [UUID(int=0)])
    return rows


async def _of_department(text: str) -> list[UUID]:
    """Return the ids of people whose property "department" contains ``text``, at most `MOST_OF_A_DEPARTMENT`."""
    found, mark = ("strpos", "$1") if dialect() == "postgres" else ("instr", "?")
    condition = f"{found}(lower(properties->>'department'), {mark}) > 0"
    sql = f"SELECT id FROM person WHERE {condition} LIMIT {MOST_OF_A_DEPARTMENT}"  # noqa: S608 - no value
    rows = await get_connection("default").execute_query_dict(sql, [text.lower()])
    return [UUID(str(row["id"])) for row in rows]


def cursor(person: Person) -> str:
    """Return the cursor for the page that begins after ``person``, see `filter_people`."""
    return person.name if person.domain == DOMAIN else f"{person.name}|{person.domain}"


async def person_with_id(person_id: UUID, *, reach: Reach = EVERYBODY) -> Person | None:
    """Return the person with this id within ``reach``, else None; rehearsal people are left out."""
    return await Person.get_or_none(reach.people(), id=person_id, rehearsal=False)


async def groups_of_people(people: Iterable[Person], *, reach: Reach = EVERYBODY) -> dict[UUID, list[str]]:
    """Return the sorted names of each person's groups by person id, as `people.groups_of`, without those in none.

    Groups outside ``reach`` are left out.
    """
    names_by_person: dict[UUID, list[str]] = {}
    ids = [person.id for person in people]
    rows = await Membership.filter(reach.groups("group_id"), person_id__in=ids).prefetch_related("group")
    for row in rows:
        names_by_person.setdefault(row.person_id, []).append(address_of(row.group))
    return {person_id: sorted(names) for person_id, names in names_by_person.items()}


async def group_names(limit: int = 200, *, reach: Reach = EVERYBODY) -> list[str]:
    """Return the names of local groups within ``reach``, sorted."""
    return [row.name for row in await groups.choices(limit, reach=reach)]


async def domains(*, reach: Reach = EVERYBODY) -> list[str]:
    """Return the domains of the people within ``reach``, sorted; "local" is always one of them."""
    there = Person.filter(reach.people(), rehearsal=False, removed_at=None).order_by("domain", "name")
    last, known = "", {DOMAIN}
    # One index lookup for each domain, instead of one row for each person.
    while row := await there.filter(domain__gt=last).first().only("domain"):
        last = row.domain
        known.add(last)
    return sorted(known)


async def id_of_user_name(text: str) -> str:
    """Return the id of the local person with user name ``text``, as logs write it; "" when there is none."""
    person = await find_person(text) if text else None
    return str(person.id) if person else ""


async def names_in(texts: Iterable[str]) -> dict[str, str]:
    """Return the user names, by id, of the people whose ids occur in ``texts``; removed people are left out.

    Logs hold ids, so that names can be deleted.
    """
    ids = {found for text in texts for found in _ID.findall(text)}
    rows = await Person.filter(id__in=[UUID(text) for text in ids], removed_at=None).values_list("id", "name")
    return {str(person_id): str(name) for person_id, name in rows}


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return ``text`` with each id replaced by its name; ``names``: from `names_in`."""
    return _ID.sub(lambda found: names.get(found[0], found[0]), text)
