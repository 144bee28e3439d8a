r"""Provisioning files: what a line of each format says of a person, and the same written out again.

`users`: user;password;role;group1;group2 — `properties`: user;name;value;name;value — both with `\;` for a semicolon
in a cell — and `csv`: headings, then a line a person. Nothing here knows a table; what cannot be taken is told by line.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

from otae.directory import facts, sheets
from otae.directory.facts import Facts, printable, user_name

USERS: Final = "users"
PROPERTIES: Final = "properties"
CSV: Final = "csv"
KINDS: Final = (USERS, PROPERTIES, CSV)

#: Caps: lines of a file, cells of a line, characters of a cell.
MOST_LINES: Final = 100_000
MOST_CELLS: Final = 120
LONGEST_CELL: Final = 1000
#: Lines that are looked at to tell the format.
LOOKED_AT: Final = 50

#: Properties that are more than that: they say who somebody is and where messages go. Name in the file → field.
FIELDS: Final = {
    "email": "email", "mail": "email", "asuseremail": "email", "emailaddress": "email", "phone": "phone",
    "mobile": "phone", "phonenumber": "phone", "displayname": "display_name", "language": "language",
}  # fmt: skip
_COLUMNS: Final = {
    **dict.fromkeys(sheets.USER_COLUMNS, "user"), **FIELDS, "name": "display_name", "fullname": "display_name",
    "role": "role", "password": "password", "disabled": "disabled",
}  # fmt: skip
_GROUP: Final = re.compile(r"(?:groups?|memberof)[0-9]*")
_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SEPARATOR: Final = re.compile(r"(?<!\\);")
UNREADABLE: Final = "this line cannot be read"


@dataclass(frozen=True)
class Line:
    """What one line says. ``given``: by field, as JSON holds it; ``reason``: why it is not taken, "" when it may be."""

    number: int
    name: str
    given: dict[str, object] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    reason: str = ""


def detect(file: BinaryIO, encoding: str) -> str | None:
    """Tell the format of a file by its first lines; None when it has none that can be read."""
    if has_headings(file, encoding):
        return CSV
    with closing(sheets.lines_of(file, encoding)) as lines:
        rows = [split(text) for _, text in islice(lines, LOOKED_AT) if text]
    if not any(len(cells) > 1 for cells in rows):
        return None
    pairs = all(len(cells) % 2 and len(cells) > 2 for cells in rows)
    named = [cell for cells in rows for cell in cells[1:2] if cell.strip()]
    properties = pairs and bool(named) and all(re.fullmatch(r"[a-z0-9_.-]+", cell.strip()) for cell in named)
    roles = [cells[2].strip() for cells in rows if len(cells) > 2 and cells[2].strip()]
    has_roles = bool(roles) and all(re.fullmatch(r"[A-Z][A-Z0-9_ -]*", role) for role in roles)
    return PROPERTIES if properties and not has_roles else USERS


def has_headings(file: BinaryIO, encoding: str) -> bool:
    """Tell whether the first line of a table names a column with user names."""
    with closing(sheets.table(file, encoding)) as rows:
        headings = next((cells for _, cells in rows if cells), [])
    # Further to the right, USER is the role of somebody in a provisioning file.
    names = [cell for at, cell in enumerate(headings[:MOST_CELLS]) if not at or cell.strip() != "USER"]
    return any(_COLUMNS.get(sheets.plain(cell)) == "user" for cell in names)


def read(file: BinaryIO, encoding: str, kind: str) -> Iterator[Line]:
    """Give what each line says, in order, a line in memory at a time; ``kind``: one of KINDS."""
    return _from_table(file, encoding) if kind == CSV else _from_lines(file, encoding, kind)


def facts_of(given: dict[str, object]) -> Facts:
    """Return what a line says of a person, apart from password, groups and being disabled."""
    said = {name: str(given[name]) for name in ("display_name", "email", "phone", "language", "role") if name in given}
    properties = given.get("properties")
    known = {str(name): str(text) for name, text in properties.items()} if isinstance(properties, dict) else None
    return Facts(**said, properties=known, merge=True)


def split(text: str) -> list[str]:
    r"""Return the cells of a line: separated by semicolons, a semicolon in a cell written `\;`."""
    return [cell.replace("\\;", ";") for cell in _SEPARATOR.split(text)]


def joined(cells: Iterable[str]) -> str:
    """Return cells as a line that `split` takes apart again; none may end with a backslash."""
    return ";".join(cell.replace(";", "\\;") for cell in cells)


def _from_lines(file: BinaryIO, encoding: str, kind: str) -> Generator[Line, None, None]:
    said = _user if kind == USERS else _user_properties
    for number, text in sheets.lines_of(file, encoding):
        cells = split(text) if text is not None else None
        yield _checked(number, cells, said)


def _from_table(file: BinaryIO, encoding: str) -> Generator[Line, None, None]:
    columns: list[str] = []
    for number, cells in sheets.table(file, encoding):
        if not columns:
            columns = [_column(heading) for heading in cells or [""]]
        else:
            yield _checked(number, cells, partial(_row, columns=columns))


def _checked(number: int, cells: list[str] | None, said: Callable[[list[str]], Line]) -> Line:
    if cells is None or any("\ufffd" in cell for cell in cells):
        return Line(number, "", reason=UNREADABLE)
    name = printable(user_name(cells[0]))
    if len(cells) > MOST_CELLS or any(len(cell) > LONGEST_CELL for cell in cells):
        return Line(number, name, reason=f"a line has up to {MOST_CELLS} cells of {LONGEST_CELL} characters")
    if not all(facts.is_shown_as_it_stands(cell) for cell in cells):
        return Line(number, name, reason="this line has characters that cannot be printed")
    line = said(cells)
    wrong = "there is no user name that can be one" if not facts.has_shape(user_name(line.name)) else line.reason
    return Line(number, printable(user_name(line.name)), {} if wrong else line.given, line.password, wrong)


def _user(cells: list[str]) -> Line:
    given: dict[str, object] = {"role": cells[2].strip()} if len(cells) > 2 and cells[2].strip() else {}
    if groups := [sheets.unguarded(cell.strip()) for cell in cells[3:] if cell.strip()]:
        given["groups"] = groups
    return Line(0, cells[0], given, cells[1] if len(cells) > 1 else "")


def _user_properties(cells: list[str]) -> Line:
    if len(cells) % 2 == 0 or len(cells) < 3:
        return Line(0, cells[0], reason="names and values do not come in pairs: user;name;value;name;value")
    given: dict[str, object] = {}
    properties: dict[str, str] = {}
    for name, value in zip(cells[1::2], cells[2::2], strict=True):
        known, said = FIELDS.get(sheets.plain(name), ""), sheets.unguarded(value.strip())
        _say(given, properties, known, name.strip(), said)
    return Line(0, cells[0], given | ({"properties": properties} if properties else {}))


def _row(cells: list[str], columns: Sequence[str]) -> Line:
    given: dict[str, object] = {}
    properties: dict[str, str] = {}
    groups: list[str] = []
    name = password = reason = ""
    for column, text in zip(columns, cells, strict=False):
        cell = text.strip()
        if column == "user":
            name = cell
        elif column == "password":
            password = text
        elif column == "groups":
            groups += [sheets.unguarded(part.strip()) for part in cell.split("|") if part.strip()]
        elif column == "disabled" and cell:
            given["disabled"] = _TRUTHS.get(cell.casefold(), False)
            reason = "" if cell.casefold() in _TRUTHS else "disabled is true or false"
        elif column and cell:
            known = column in {"display_name", "email", "phone", "language", "role"}
            _say(given, properties, column if known else "", column, sheets.unguarded(cell))
    if len(cells) > len(columns):
        reason = "this line has more cells than there are headings"
    given |= ({"groups": groups} if groups else {}) | ({"properties": properties} if properties else {})
    return Line(0, name, given, password, reason)


def _say(given: dict[str, object], properties: dict[str, str], known: str, name: str, value: str) -> None:
    if known:
        given[known] = value
    elif name:
        properties[name] = value


def _column(heading: str) -> str:
    """Return what a column holds: a field, "groups", or else the name of a property."""
    plain = sheets.plain(heading)
    if _GROUP.fullmatch(plain):
        return "groups"
    return _COLUMNS.get(plain) or heading.strip().lower().removeprefix("property:").replace(" ", "_")
