"""What importing a line of a file would write, and has written, said field by field."""

from collections.abc import Iterable
from typing import Final

from otae.contacts import shown_address
from otae.directory import person_fields
from otae.directory.files import formats
from otae.directory.files.provisioning import Finding, LineRow

#: The order in which fields are told.
_FIELDS: Final[tuple[str, ...]] = ("display_name", "email", "phone", "language", "role", "disabled", "properties")


async def previews(lines: Iterable[LineRow]) -> list[dict[str, str]]:
    """Return for each line what it writes: text by field, as it is kept; "password" and what is left out say "yes".

    A line that is refused, or changes nothing, writes nothing.
    """
    house = await person_fields.house()
    return [_preview(line, house) for line in lines]


def _preview(line: LineRow, house: person_fields.House) -> dict[str, str]:
    if line.status not in {Finding.NEW, Finding.ADDED, Finding.CHANGED, Finding.SAVED}:
        return {}
    is_new = line.status in {Finding.NEW, Finding.ADDED}
    columns, _ = person_fields.columns(formats.facts_of(line.given), house, line.name)
    columns = ({"display_name": line.name} if is_new else {}) | columns
    if "email" in columns:
        columns["email"] = shown_address(str(columns["email"] or ""))
    if "disabled" in line.given:
        columns["disabled"] = line.given["disabled"]
    told = {name: _text(columns[name]) for name in _FIELDS if name in columns and (is_new or name in line.changes)}
    groups = line.given.get("groups")
    if isinstance(groups, list) and (is_new or "groups" in line.changes):
        told["groups"] = ", ".join(map(str, groups))
    told |= {"password": "yes"} if "password" in line.changes else {}
    return told | ({formats.LEFT_OUT: "yes"} if line.given.get(formats.LEFT_OUT) else {})


def _text(value: object) -> str:
    """Return a column's value as it is told: properties as pairs, truth as yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {text}" for name, text in value.items())
    return str(value or "")
