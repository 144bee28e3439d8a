r"""The formats of provisioning files: detecting a format, parsing lines, and joining cells for an export.

`users`: user;password;role;group1;group2 — `properties`: user;name;value;name;value — both with `\;` for a semicolon
in a cell — and `csv`: headings, then one line for each person. Passwords are only read where an administrator chose
`users`, or a heading is called password. This module uses no tables; each refused line carries its reason.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

from otae.directory.files import spreadsheets
from otae.directory.local import person_fields
from otae.directory.local.person_fields import PersonFields, printable, user_name
from otae.text import TextRefused, cleaned_line, visible_line

USERS: Final = "users"
PROPERTIES: Final = "properties"
CSV: Final = "csv"
KINDS: Final = (USERS, PROPERTIES, CSV)
#: As USERS, but without its passwords: the format of a file of users that was detected and not chosen.
USERS_WITHOUT_PASSWORDS: Final = "no-passwords"
#: The formats that can be imported.
IMPORT_KINDS: Final = (*KINDS, USERS_WITHOUT_PASSWORDS)

#: Limits: lines of a file, cells of a line, characters of a cell.
MOST_LINES: Final = 100_000
MOST_CELLS: Final = 120
LONGEST_CELL: Final = 1000
#: Lines that are read to detect the format.
SAMPLED_LINES: Final = 50

#: Names in a file of properties that mean a field of the person and not a property → the field.
FIELDS: Final = {
    "email": "email", "mail": "email", "asuseremail": "email", "emailaddress": "email", "phone": "phone",
    "mobile": "phone", "phonenumber": "phone", "displayname": "display_name", "language": "language",
}  # fmt: skip
_PERSON_FIELDS: Final = ("display_name", "email", "phone", "language", "role")
_COLUMNS: Final = {
    **dict.fromkeys(spreadsheets.USER_COLUMNS, "user"), **FIELDS, "name": "display_name", "fullname": "display_name",
    "role": "role", "password": "password", "disabled": "disabled",
}  # fmt: skip
_GROUP: Final = re.compile(r"(?:groups?|memberof)[0-9]*")
#: Spreadsheets write true and false in the user's language.
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "yes", "1", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "vero", "waar"), True),
    **dict.fromkeys(("false", "no", "0", "falsch", "nein", "faux", "non", "falso", "onwaar"), False),
}
_PASSWORD_HEADING: Final = re.compile("passw|passphrase|kennwort|motdepasse|contrase|^pwd$|^pass$|^secret$")
_SEPARATOR: Final = re.compile(r"(?<!\\);")
UNREADABLE: Final = "this line cannot be read"
UNCLOSED_QUOTE: Final = (
    "a quotation mark is not closed: the lines below were taken for the same cell and are not imported"
)
#: Key in a line's ``given``: the line has a password that is left out.
LEFT_OUT: Final = "password_left_out"


@dataclass(frozen=True)
class ParsedLine:
    """A parsed line. ``given``: its values by field, as JSON; ``reason``: why it is refused, "" when it is not."""

    number: int
    name: str
    given: dict[str, object] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    reason: str = ""


def detect(file: BinaryIO, encoding: str) -> str | None:
    """Return the format of a file by its first lines, None when it is not certain.

    A file of users is detected as USERS_WITHOUT_PASSWORDS, because nobody has confirmed that its second cells are
    passwords. One whose first line may be headings is detected neither as users nor as properties.
    """
    if has_headings(file, encoding):
        return CSV
    with closing(spreadsheets.lines_of(file, encoding)) as lines:
        rows = [split_cells(text) for _, text in islice(lines, SAMPLED_LINES) if text]
    if not rows:
        return None
    if rows[0][2:3] and rows[0][2].strip() in person_fields.ROLES and not any(map(_field_of, rows[0][:2])):
        roles = [cells[2].strip() for cells in rows if len(cells) > 2]
        return USERS_WITHOUT_PASSWORDS if all(re.fullmatch(r"(?:[A-Z][A-Z0-9_ -]*)?", role) for role in roles) else None
    return PROPERTIES if _look_like_properties(rows) else None


def _look_like_properties(rows: list[list[str]]) -> bool:
    """Return whether rows consist of name and value pairs, and the first one is not a line of headings."""
    if not all(len(cells) % 2 and len(cells) > 2 for cells in rows) or any(map(_field_of, rows[0][::2])):
        return False
    names = [cells[1].strip() for cells in rows]
    known = any(spreadsheets.normalized_heading(name) in FIELDS for name in rows[0][1::2])
    first = known or len(rows) == 1 or rows[0][1].strip() in names[1:]
    return first and all(re.fullmatch(r"[a-z][a-z0-9_.-]*", name) for name in names)


def has_headings(file: BinaryIO, encoding: str) -> bool:
    """Return whether a table has headings, the user name's among them; a title may stand above them."""
    return spreadsheets.find_headings(file, encoding, _are_headings).found


def password_columns(file: BinaryIO, encoding: str) -> list[str]:
    """Return headings that look like passwords but are not called password: these would be stored as properties."""
    headings = spreadsheets.find_headings(file, encoding, _are_headings).headings[:MOST_CELLS]
    return [
        cell
        for cell in headings
        if _PASSWORD_HEADING.search(spreadsheets.normalized_heading(cell)) and _field_of(cell) != "password"
    ]


def parse(file: BinaryIO, encoding: str, kind: str) -> Iterator[ParsedLine]:
    """Yield the parsed lines in order, with one line in memory at a time; ``kind``: one of IMPORT_KINDS."""
    return _parse_table(file, encoding) if kind == CSV else _parse_lines(file, encoding, kind)


def fields_of(given: dict[str, object]) -> PersonFields:
    """Return a line's values of the person's fields; without password, groups and "disabled"."""
    values = {name: str(given[name]) for name in _PERSON_FIELDS if name in given}
    properties = given.get("properties")
    known = {str(name): str(text) for name, text in properties.items()} if isinstance(properties, dict) else None
    return PersonFields(**values, properties=known, merge=True)


def split_cells(text: str) -> list[str]:
    r"""Split a line at semicolons; `\;` is a semicolon within a cell."""
    return [cell.replace("\\;", ";") for cell in _SEPARATOR.split(text)]


def join_cells(cells: Iterable[str]) -> str:
    """Join cells to a line that `split_cells` splits again; no cell may end with a backslash."""
    return ";".join(cell.replace(";", "\\;") for cell in cells)


def _parse_lines(file: BinaryIO, encoding: str, kind: str) -> Generator[ParsedLine, None, None]:
    parsers = {USERS: _user_row, PROPERTIES: _properties_row, USERS_WITHOUT_PASSWORDS: _user_row_without_password}
    secret = () if kind == PROPERTIES else ("", "password")
    for number, text in spreadsheets.lines_of(file, encoding):
        yield _parse_cells(number, split_cells(text) if text is not None else None, parsers[kind], secret)


def _parse_table(file: BinaryIO, encoding: str) -> Generator[ParsedLine, None, None]:
    start = spreadsheets.find_headings(file, encoding, _are_headings)
    columns = [_column(heading) for heading in start.headings[:MOST_CELLS]]
    parse_row = partial(_table_row, columns=columns)
    for number, cells in spreadsheets.rows_below(file, encoding, start):
        yield _parse_cells(number, cells, parse_row, columns, start.headings)


def _parse_cells(
    number: int,
    cells: list[str] | None,
    parse_row: Callable[[list[str]], ParsedLine],
    columns: Sequence[str],
    headings: Sequence[str] = (),
) -> ParsedLine:
    """Check and clean the cells of a line and parse them with ``parse_row``; a refused line has a ``reason``.

    ``cells``: None for an unreadable line. ``columns``: the names of the cells, "password" for one that is never
    quoted. ``headings``: the cells' headings, for the reason.
    """
    if cells is None or any("\ufffd" in cell for cell in cells):
        return ParsedLine(number, "", reason=UNREADABLE)
    name = printable(cells[0][:LONGEST_CELL])
    if any(len(cell) > LONGEST_CELL and "\n" in cell for cell in cells):
        return ParsedLine(number, name, reason=UNCLOSED_QUOTE)
    if len(cells) > MOST_CELLS or any(len(cell) > LONGEST_CELL for cell in cells):
        return ParsedLine(number, name, reason=f"a line has up to {MOST_CELLS} cells of {LONGEST_CELL} characters")
    cleaned: list[str] = []
    for at, cell in enumerate(cells):
        is_password = "password" in columns[at : at + 1]
        try:
            shown = visible_line(cell if is_password else cell.strip())
        except TextRefused as refusal:
            where = spreadsheets.cell_name(at, "".join(headings[at : at + 1]))
            quoted = "" if is_password else f": “{cleaned_line(cell, 60)}”"
            return ParsedLine(number, name, reason=f"{where}: {refusal}{quoted}")
        cleaned.append(cell if is_password else spreadsheets.unescape(shown))
    line = parse_row(cleaned)
    named = person_fields.is_user_name(user_name(line.name))
    wrong = line.reason if named else "there is no user name that can be one"
    # A refused name is shown as it is written in the file.
    shown = printable(line.name if wrong else user_name(line.name))
    return ParsedLine(number, shown, {} if wrong else line.given, line.password, wrong)


def _user_row(cells: list[str]) -> ParsedLine:
    given: dict[str, object] = {"role": cells[2].strip()} if len(cells) > 2 and cells[2].strip() else {}
    if groups := [cell for cell in cells[3:] if cell]:
        given["groups"] = groups
    return ParsedLine(0, cells[0], given, cells[1] if len(cells) > 1 else "")


def _user_row_without_password(cells: list[str]) -> ParsedLine:
    line = _user_row(cells)
    return replace(line, password="", given=line.given | ({LEFT_OUT: True} if line.password else {}))


def _properties_row(cells: list[str]) -> ParsedLine:
    if len(cells) % 2 == 0 or len(cells) < 3:
        return ParsedLine(0, cells[0], reason="names and values do not come in pairs: user;name;value;name;value")
    if any(_PASSWORD_HEADING.search(spreadsheets.normalized_heading(name)) for name in cells[1::2]):
        return ParsedLine(0, cells[0], reason="a password is no property: import it with the format of users")
    given: dict[str, object] = {}
    properties: dict[str, str] = {}
    for name, value in zip(cells[1::2], cells[2::2], strict=True):
        _set_field(given, properties, FIELDS.get(spreadsheets.normalized_heading(name), ""), name, value)
    return ParsedLine(0, cells[0], given | ({"properties": properties} if properties else {}))


def _table_row(cells: list[str], columns: Sequence[str]) -> ParsedLine:
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
            groups += [spreadsheets.unescape(part.strip()) for part in cell.split("|") if part.strip()]
        elif column == "disabled" and cell:
            given["disabled"] = _BOOLEANS.get(cell.casefold(), False)
            reason = "" if cell.casefold() in _BOOLEANS else "disabled is true or false"
        elif column and cell:
            _set_field(given, properties, column if column in _PERSON_FIELDS else "", column, cell)
    if len(cells) > len(columns):
        reason = "this line has more cells than there are headings"
    given |= ({"groups": groups} if groups else {}) | ({"properties": properties} if properties else {})
    return ParsedLine(0, name, given, password, reason)


def _set_field(given: dict[str, object], properties: dict[str, str], known: str, name: str, value: str) -> None:
    if known:
        given[known] = value
    elif name:
        properties[name] = value


def _are_headings(cells: list[str], first: bool) -> bool:  # noqa: FBT001 - as `spreadsheets.find_headings` asks
    """Return whether a row holds headings, the user name's among them; below the first row, two must be known."""
    filled = [cell for cell in cells[:MOST_CELLS] if cell.strip()]
    # Further to the right, USER is the role of somebody in a provisioning file, unless it stands among headings.
    known = {_field_of(cell) for at, cell in enumerate(filled) if not at or cell.strip() != "USER"} - {""}
    if "user" not in known and len(known - {"password"}) > 1 and "USER" in map(str.strip, filled):
        return True
    return "user" in known and (len(known) > 1 or (first and (len(cells) == 1 or len(filled) > 1)))


def _field_of(heading: str) -> str:
    """Return the field that a heading means, "" for a property."""
    plain = spreadsheets.normalized_heading(heading)
    return "groups" if _GROUP.fullmatch(plain) else _COLUMNS.get(plain, "")


def _column(heading: str) -> str:
    """Return what a heading means: a field, "groups", or the name of a property."""
    line = cleaned_line(heading[:LONGEST_CELL])
    return _field_of(heading) or line.lower().removeprefix("property:").replace(" ", "_")
