"""Changing server properties, audited, and finding out which of them are set. `properties` has their list."""

from datetime import datetime

from otae.store import audit, properties
from otae.store.database import transaction
from otae.store.models import Property


async def change(name: str, text: str, *, now: datetime, actor: str) -> properties.Value:
    """Set server property ``name`` from ``text`` and return its value; audited. Raises as `properties.write`."""
    async with transaction():
        before = await properties.read(name)
        value = await properties.write(name, text, changed_at=now, changed_by=actor)
        if value != before:
            await audit.record(actor, "property.set", now=now, subject=name, detail=_describe(before, value))
    return value


async def reset(name: str, *, now: datetime, actor: str) -> properties.Value:
    """Set server property ``name`` back to its default and return that; audited.

    Raises:
        InputRefused: there is no such property.
    """
    row = properties.row_of(name)
    async with transaction():
        before = await properties.read(name)
        if await Property.filter(name=name).delete():
            await audit.record(actor, "property.reset", now=now, subject=name, detail=_describe(before, row.default))
    return row.default


def _describe(before: properties.Value, after: properties.Value) -> str:
    return audit.describe_changes({"value": before}, {"value": after}).removeprefix("value ")


async def stored_rows() -> dict[str, Property]:
    """Return the rows of the server properties that were set, even to their default's value, by name."""
    return {row.name: row for row in await Property.all()}
