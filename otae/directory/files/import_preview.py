"""The preview of an import: what each line would write, or has written, field by field."""

from collections.abc import Iterable
from typing import Final

from otae.contacts import shown_address
from otae.directory.files import formats
from otae.directory.files.provisioning import LineRow, LineState
from otae.directory.local import person_fields

#: The fields, in the order of the preview.
_FIELDS: Final[tuple[str, ...]] = ("display_name", "email", "phone", "language", "role", "disabled", "properties")


async def previews(lines: Iterable[LineRow]) -> list[dict[str, str]]:
    """Return for each line the values that it writes, as text by field, in the form in which they are stored.

    For "password" and "password_left_out" the value is "yes". A line that is refused or changes nothing is empty.
    """
    context = await person_fields.field_context()
    return [_preview(line, context) for line in lines]


def _preview(line: LineRow, context: person_fields.FieldContext) -> dict[str, str]:
    if line.status not in {LineState.NEW, LineState.ADDED, LineState.CHANGED, LineState.SAVED}:
        return {}
    is_new = line.status in {LineState.NEW, LineState.ADDED}
    columns, _ = person_fields.columns(formats.fields_of(line.given), context, line.name)
    columns = ({"display_name": line.name} if is_new else {}) | columns
    if "email" in columns:
        columns["email"] = shown_address(str(columns["email"] or ""))
    if "disabled" in line.given:
        columns["disabled"] = line.given["disabled"]
    shown = {name: _text(columns[name]) for name in _FIELDS if name in columns and (is_new or name in line.changes)}
    groups = line.given.get("groups")
    if isinstance(groups, list) and (is_new or "groups" in line.changes):
        shown["groups"] = ", ".join(map(str, groups))
    shown |= {"password": "yes"} if "password" in line.changes else {}
    return shown | ({formats.LEFT_OUT: "yes"} if line.given.get(formats.LEFT_OUT) else {})


def _text(value: object) -> str:
    """Return a column's value as text: properties as "name = value" pairs, booleans as yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {text}" for name, text in value.items())
    return str(value or "")
