"""Local people written out as the files that can be imported again; passwords are never in them."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from otae.contacts import shown_address
from otae.directory import lookup
from otae.directory.files import formats, spreadsheets
from otae.directory.person_fields import DOMAIN
from otae.store.models import Person

#: Columns of the CSV file, before those of properties.
COLUMNS: Final = ("user", "display_name", "email", "phone", "language", "role", "disabled", "groups")
_PAGE: Final = 500
#: Most columns of properties.
_MOST: Final = 100


async def people(kind: str) -> AsyncIterator[str]:
    """Give the file of ``kind`` (one of `formats.KINDS`), a page at a time; an import of it changes nothing."""
    names = await _property_names() if kind == formats.CSV else []
    if kind == formats.CSV:
        yield spreadsheets.written([[*COLUMNS, *(f"property:{name}" for name in names)]])
    after = ""
    while page := await _page(after):
        groups = await lookup.groups_of_people(page)
        if kind == formats.CSV:
            rows = (_row(person, groups.get(person.id, []), names) for person in page)
            yield spreadsheets.written(rows, spreadsheets.kept_as_text)
        elif kind == formats.USERS:
            yield _lines([person.name, "", person.role, *groups.get(person.id, [])] for person in page)
        else:
            yield _lines(cells for person in page if len(cells := _properties(person)) > 1)
        after = page[-1].name


async def listed() -> AsyncIterator[dict[str, object]]:
    """Give what `user list --json` says of each local person, by user name."""
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
    return sorted(names)[:_MOST]


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
    said = {"displayname": person.display_name, "email": shown_address(person.email), "mobile": person.phone}
    said |= {"language": person.language, **person.properties}
    return [person.name, *(cell for name, text in said.items() if text for cell in (name, text))]


def _lines(rows: Iterable[list[str]]) -> str:
    return "".join(f"{formats.joined(spreadsheets.kept_as_text(cell) for cell in cells)}\r\n" for cells in rows)
