"""Changing server properties on the record: who set what, and which differ from their defaults."""

from datetime import datetime

from otae.store import audit, properties
from otae.store.database import transaction
from otae.store.models import Property


async def change(name: str, text: str, *, now: datetime, actor: str) -> properties.Value:
    """Set server property ``name`` from ``text``, audited; raises InputRefused as `properties.write` does."""
    async with transaction():
        before = await properties.read(name)
        value = await properties.write(name, text)
        if value != before:
            await audit.record(actor, "property.set", now=now, subject=name, detail=_told(before, value))
    return value


async def reset(name: str, *, now: datetime, actor: str) -> properties.Value:
    """Give server property ``name`` its default again, audited, and return it; InputRefused when there is none."""
    row = properties.row_of(name)
    async with transaction():
        before = await properties.read(name)
        if await Property.filter(name=name).delete():
            await audit.record(actor, "property.reset", now=now, subject=name, detail=_told(before, row.default))
    return row.default


def _told(before: properties.Value, after: properties.Value) -> str:
    return audit.changes({"value": before}, {"value": after}).removeprefix("value ")


async def stored_names() -> frozenset[str]:
    """Return the names of the server properties that somebody set, also when to the default's value."""
    return frozenset([row.name for row in await Property.all()])
