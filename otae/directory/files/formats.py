r"""Provisioning files: what a line of each format says of a person, and the same written out again.

`users`: user;password;role;group1;group2 — `properties`: user;name;value;name;value — both with `\;` for a semicolon
in a cell — and `csv`: headings, then a line a person. A password is taken only where somebody chose `users`, or a
heading is called password. Nothing here knows a table; what cannot be taken is told by line.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

from otae.directory import person_fields
from otae.directory.files import spreadsheets
from otae.directory.person_fields import Facts, printable, user_name
from otae.text import TextRefused, cleaned_line, visible_line

USERS: Final = "users"
PROPERTIES: Final = "properties"
CSV: Final = "csv"
KINDS: Final = (USERS, PROPERTIES, CSV)
#: As USERS, but its passwords are left out: what a file is told to be that nobody said it of.
NO_PASSWORDS: Final = "no-passwords"
#: What can be imported.
IMPORTED: Final = (*KINDS, NO_PASSWORDS)

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
    **dict.fromkeys(spreadsheets.USER_COLUMNS, "user"), **FIELDS, "name": "display_name", "fullname": "display_name",
    "role": "role", "password": "password", "disabled": "disabled",
}  # fmt: skip
_GROUP: Final = re.compile(r"(?:groups?|memberof)[0-9]*")
#: Spreadsheets write true and false in their own language.
_TRUTHS: Final = {
    **dict.fromkeys(("true", "yes", "1", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "vero", "waar"), True),
    **dict.fromkeys(("false", "no", "0", "falsch", "nein", "faux", "non", "falso", "onwaar"), False),
}
_SECRET: Final = re.compile("passw|passphrase|kennwort|motdepasse|contrase|^pwd$|^pass$|^secret$")
_SEPARATOR: Final = re.compile(r"(?<!\\);")
UNREADABLE: Final = "this line cannot be read"
UNCLOSED: Final = "a quotation mark is not closed: the lines below were taken for the same cell and are not imported"
#: Says of a line that it holds a password that is not taken.
LEFT_OUT: Final = "password_left_out"


@dataclass(frozen=True)
class Line:
    """What one line says. ``given``: by field, as JSON holds it; ``reason``: why it is not taken, "" when it may be."""

    number: int
    name: str
    given: dict[str, object] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    reason: str = ""


def detect(file: BinaryIO, encoding: str) -> str | None:
    """Tell the format of a file by its first lines; None when that would be a guess.

    A file of users is told as NO_PASSWORDS: nobody said that its second cells are passwords. One whose first line may
    be headings is none of it.
    """
    if has_headings(file, encoding):
        return CSV
    with closing(spreadsheets.lines_of(file, encoding)) as lines:
        rows = [split(text) for _, text in islice(lines, LOOKED_AT) if text]
    if not rows:
        return None
    if rows[0][2:3] and rows[0][2].strip() in person_fields.ROLES and not any(map(_field_of, rows[0][:2])):
        roles = [cells[2].strip() for cells in rows if len(cells) > 2]
        return NO_PASSWORDS if all(re.fullmatch(r"(?:[A-Z][A-Z0-9_ -]*)?", role) for role in roles) else None
    return PROPERTIES if _are_properties(rows) else None


def _are_properties(rows: list[list[str]]) -> bool:
    """Tell whether rows are names in pairs with values, and the first one holds no headings."""
    if not all(len(cells) % 2 and len(cells) > 2 for cells in rows) or any(map(_field_of, rows[0][::2])):
        return False
    names = [cells[1].strip() for cells in rows]
    known = any(spreadsheets.plain(name) in FIELDS for name in rows[0][1::2])
    first = known or len(rows) == 1 or rows[0][1].strip() in names[1:]
    return first and all(re.fullmatch(r"[a-z][a-z0-9_.-]*", name) for name in names)


def has_headings(file: BinaryIO, encoding: str) -> bool:
    """Tell whether a table, or what stands below its title, begins with headings of which one names user names."""
    return spreadsheets.head(file, encoding, _are_headings).found


def password_columns(file: BinaryIO, encoding: str) -> list[str]:
    """Return headings that seem to stand above passwords and are not called so: these would be kept to be read."""
    headings = spreadsheets.head(file, encoding, _are_headings).headings[:MOST_CELLS]
    return [cell for cell in headings if _SECRET.search(spreadsheets.plain(cell)) and _field_of(cell) != "password"]


def read(file: BinaryIO, encoding: str, kind: str) -> Iterator[Line]:
    """Give what each line says, in order, a line in memory at a time; ``kind``: one of IMPORTED."""
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
    said = {USERS: _user, PROPERTIES: _user_properties, NO_PASSWORDS: _user_without_password}[kind]
    secret = () if kind == PROPERTIES else ("", "password")
    for number, text in spreadsheets.lines_of(file, encoding):
        yield _checked(number, split(text) if text is not None else None, said, secret)


def _from_table(file: BinaryIO, encoding: str) -> Generator[Line, None, None]:
    start = spreadsheets.head(file, encoding, _are_headings)
    columns = [_column(heading) for heading in start.headings[:MOST_CELLS]]
    said = partial(_row, columns=columns)
    for number, cells in spreadsheets.below(file, encoding, start):
        yield _checked(number, cells, said, columns, start.headings)


def _checked(
    number: int,
    cells: list[str] | None,
    said: Callable[[list[str]], Line],
    columns: Sequence[str],
    headings: Sequence[str] = (),
) -> Line:
    """Return what a line says, or why it is not taken; ``columns`` and ``headings``: what its cells are called."""
    if cells is None or any("\ufffd" in cell for cell in cells):
        return Line(number, "", reason=UNREADABLE)
    name = printable(cells[0][:LONGEST_CELL])
    if any(len(cell) > LONGEST_CELL and "\n" in cell for cell in cells):
        return Line(number, name, reason=UNCLOSED)
    if len(cells) > MOST_CELLS or any(len(cell) > LONGEST_CELL for cell in cells):
        return Line(number, name, reason=f"a line has up to {MOST_CELLS} cells of {LONGEST_CELL} characters")
    read: list[str] = []
    for at, cell in enumerate(cells):
        is_password = "password" in columns[at : at + 1]
        try:
            shown = visible_line(cell if is_password else cell.strip())
        except TextRefused as refusal:
            where = spreadsheets.cell_name(at, "".join(headings[at : at + 1]))
            quoted = "" if is_password else f": “{cleaned_line(cell, 60)}”"
            return Line(number, name, reason=f"{where}: {refusal}{quoted}")
        read.append(cell if is_password else spreadsheets.unguarded(shown))
    line = said(read)
    wrong = (
        "there is no user name that can be one" if not person_fields.has_shape(user_name(line.name)) else line.reason
    )
    # What is refused is named as it stands in the file.
    shown = printable(line.name if wrong else user_name(line.name))
    return Line(number, shown, {} if wrong else line.given, line.password, wrong)


def _user(cells: list[str]) -> Line:
    given: dict[str, object] = {"role": cells[2].strip()} if len(cells) > 2 and cells[2].strip() else {}
    if groups := [cell for cell in cells[3:] if cell]:
        given["groups"] = groups
    return Line(0, cells[0], given, cells[1] if len(cells) > 1 else "")


def _user_without_password(cells: list[str]) -> Line:
    line = _user(cells)
    return replace(line, password="", given=line.given | ({LEFT_OUT: True} if line.password else {}))


def _user_properties(cells: list[str]) -> Line:
    if len(cells) % 2 == 0 or len(cells) < 3:
        return Line(0, cells[0], reason="names and values do not come in pairs: user;name;value;name;value")
    if any(_SECRET.search(spreadsheets.plain(name)) for name in cells[1::2]):
        return Line(0, cells[0], reason="a password is no property: import it with the format of users")
    given: dict[str, object] = {}
    properties: dict[str, str] = {}
    for name, value in zip(cells[1::2], cells[2::2], strict=True):
        _say(given, properties, FIELDS.get(spreadsheets.plain(name), ""), name, value)
    return Line(0, cells[0], given | ({"properties": properties} if properties else {}))


def _row(cells: list[str], columns: Sequence[str]) -> Line:
    given: dict[str, object] = {}
    properties: dict[str, str] = {}
    groups: list[str] = []
    name = password = reason = ""
    for column, cell in zip(columns, cells, strict=False):
        if column == "user":
            name = cell
        elif column == "password":
            password = cell
        elif column == "groups":
            groups += [spreadsheets.unguarded(part.strip()) for part in cell.split("|") if part.strip()]
        elif column == "disabled" and cell:
            given["disabled"] = _TRUTHS.get(cell.casefold(), False)
            reason = "" if cell.casefold() in _TRUTHS else "disabled is true or false"
        elif column and cell:
            known = column in {"display_name", "email", "phone", "language", "role"}
            _say(given, properties, column if known else "", column, cell)
    if len(cells) > len(columns):
        reason = "this line has more cells than there are headings"
    given |= ({"groups": groups} if groups else {}) | ({"properties": properties} if properties else {})
    return Line(0, name, given, password, reason)


def _say(given: dict[str, object], properties: dict[str, str], known: str, name: str, value: str) -> None:
    if known:
        given[known] = value
    elif name:
        properties[name] = value


def _are_headings(cells: list[str], first: bool) -> bool:  # noqa: FBT001 - as `spreadsheets.head` asks
    """Tell whether cells name columns, one of them that with user names; below a title two must be known."""
    filled = [cell for cell in cells[:MOST_CELLS] if cell.strip()]
    # Further to the right, USER is the role of somebody in a provisioning file, unless it stands among headings.
    known = {_field_of(cell) for at, cell in enumerate(filled) if not at or cell.strip() != "USER"} - {""}
    if "user" not in known and len(known - {"password"}) > 1 and "USER" in map(str.strip, filled):
        return True
    return "user" in known and (len(known) > 1 or (first and (len(cells) == 1 or len(filled) > 1)))


def _field_of(heading: str) -> str:
    """Return what a column holds that we know, "" for one that would be a property."""
    plain = spreadsheets.plain(heading)
    return "groups" if _GROUP.fullmatch(plain) else _COLUMNS.get(plain, "")


def _column(heading: str) -> str:
    """Return what a column holds: a field, "groups", or else the name of a property."""
    line = cleaned_line(heading[:LONGEST_CELL])
    return _field_of(heading) or line.lower().removeprefix("property:").replace(" ", "_")
