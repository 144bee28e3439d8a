"""Exports of local people in the formats that can be imported again; they never hold passwords."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from otae.contacts import shown_address
from otae.directory import lookup
from otae.directory.files import formats, spreadsheets
from otae.directory.local.person_fields import DOMAIN
from otae.store.models import Person

#: Columns of the CSV file, before those of properties.
COLUMNS: Final = ("user", "display_name", "email", "phone", "language", "role", "disabled", "groups")
_PAGE: Final = 500
#: Most columns of properties.
_MOST_PROPERTIES: Final = 100


async def people(kind: str) -> AsyncIterator[str]:
    """Yield the export in the format ``kind`` (one of `formats.KINDS`), page by page. Importing it changes nothing."""
    names = await _property_names() if kind == formats.CSV else []
    if kind == formats.CSV:
        yield spreadsheets.to_csv([[*COLUMNS, *(f"property:{name}" for name in names)]])
    after = ""
    while page := await _page(after):
        groups = await lookup.groups_of_people(page)
        if kind == formats.CSV:
            rows = (_row(person, groups.get(person.id, []), names) for person in page)
            yield spreadsheets.to_csv(rows, spreadsheets.escape_as_text)
        elif kind == formats.USERS:
            yield _lines([person.name, "", person.role, *groups.get(person.id, [])] for person in page)
        else:
            yield _lines(cells for person in page if len(cells := _properties(person)) > 1)
        after = page[-1].name


async def list_for_json() -> AsyncIterator[dict[str, object]]:
    """Yield the entries of `user list --json`, one for each local person, by user name."""
    after = ""
    while page := await _page(after):
        groups = await lookup.groups_of_people(page)
        for person in page:
            yield {
                "name": person.name,
                "display_name": person.display_name,
                "email": shown_address(person.email) or None,
                "phone": person.phone,
                "language": person.language,
                "role": person.role,
                "groups": groups.get(person.id, []),
                "disabled": person.disabled,
            }
        after = page[-1].name


async def _page(after: str) -> list[Person]:
    rows = Person.filter(domain=DOMAIN, rehearsal=False, removed_at=None, name__gt=after)
    return await rows.order_by("name").limit(_PAGE)


async def _property_names() -> list[str]:
    names: set[str] = set()
    after = ""
    while page := await _page(after):
        names |= {name for person in page for name in person.properties}
        after = page[-1].name
    return sorted(names)[:_MOST_PROPERTIES]


def _row(person: Person, groups: list[str], names: list[str]) -> list[str]:
    disabled = "true" if person.disabled else "false"
    known = [
        person.name,
        person.display_name,
        shown_address(person.email),
        person.phone or "",
        person.language,
        person.role,
    ]
    return [*known, disabled, "|".join(groups), *(person.properties.get(name, "") for name in names)]


def _properties(person: Person) -> list[str]:
    values = {"displayname": person.display_name, "email": shown_address(person.email), "mobile": person.phone}
    values |= {"language": person.language, **person.properties}
    return [person.name, *(cell for name, text in values.items() if text for cell in (name, text))]


def _lines(rows: Iterable[list[str]]) -> str:
    return "".join(f"{formats.join_cells(spreadsheets.escape_as_text(cell) for cell in cells)}\r\n" for cells in rows)
