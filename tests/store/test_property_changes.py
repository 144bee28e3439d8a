"""Server properties changed on the record."""

import pytest

from otae.errors import InputRefused
from otae.store import database, properties, property_changes
from otae.store.desk import Desk
from otae.store.models import AuditEntry

pytestmark = pytest.mark.anyio


async def test_a_property_is_changed_and_reset_with_an_entry_each(desk: Desk) -> None:
    now = await database.now()
    assert await property_changes.change("identity.days", " 90 ", now=now, actor="ada") == 90
    assert set(await property_changes.stored_rows()) == {"identity.days"}
    assert await property_changes.reset("identity.days", now=now, actor="ada") == 365
    assert await property_changes.reset("identity.days", now=now, actor="ada") == 365
    assert await properties.number("identity.days") == 365
    assert not await property_changes.stored_rows()
    entries = await AuditEntry.filter(subject="identity.days").order_by("id")
    assert [(row.actor, row.action, row.detail) for row in entries] == [
        ("ada", "property.set", "365 → 90"),
        ("ada", "property.reset", "90 → 365"),
    ]


async def test_what_is_refused_leaves_neither_value_nor_entry(desk: Desk) -> None:
    now = await database.now()
    with pytest.raises(InputRefused):
        await property_changes.change("identity.days", "many", now=now, actor="ada")
    with pytest.raises(InputRefused):
        await property_changes.reset("no.such", now=now, actor="ada")
    assert not await property_changes.stored_rows()
    assert await AuditEntry.filter(action__startswith="property.").count() == 0
