"""Name, contact and help of the portal, read and set together."""

import pytest

from otae.branding import look, portal_texts
from otae.errors import InputRefused
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import AuditEntry

pytestmark = pytest.mark.anyio


async def test_name_contact_and_help_are_read_together(desk: Desk) -> None:
    await properties.write("notification.language", "fr")
    for tag in ("de", "fr"):
        await portal_texts.save("help", tag, f"Hilfe {tag}", now=await database.now(), actor="ada")
    await look.change({"name": "Größe & Co", "contact": "it@example.test"}, now=await database.now(), actor="ada")
    read = await look.read()
    assert (read.name, read.contact, read.accent, read.logos) == ("Größe & Co", "it@example.test", "", {})
    assert [text and text.text for text in map(read.help_in, ("de", "es"))] == ["Hilfe de", "Hilfe fr"]
    assert await AuditEntry.filter(action="property.set", actor="ada").count() == 2


async def test_nothing_is_set_when_one_value_is_refused(desk: Desk) -> None:
    with pytest.raises(InputRefused) as caught:
        await look.change({"name": "Example", "contact": "x" * 101}, now=await database.now(), actor="ada")
    assert caught.value.fields == {"contact": "use 1 to 100 characters in one line"}
    assert (await look.read()).name == "otae"
    assert await AuditEntry.filter(action="property.set").count() == 0


async def test_a_part_of_a_page_gets_words_alone(desk: Desk) -> None:
    await portal_texts.save("help", "en", "Call 100.", now=await database.now(), actor="ada")
    assert (await look.read()).help_in("en")
    assert (await look.read(in_words=True)).help_in("en") is None
