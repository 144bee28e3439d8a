"""What the messages say is changed on the record, or not at all."""

from uuid import uuid4

import pytest

from otae.delivery.texts import template_editing, templates
from otae.delivery.texts.default_texts import DEFAULT_NAMES, Wording
from otae.errors import InputRefused
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, NotificationTemplate, Person

pytestmark = pytest.mark.anyio


async def test_a_message_is_reworded_and_restored(desk: Desk) -> None:
    now, row = await database.now(), await templates.default_template("url")
    assert template_editing.is_default(row, "url")
    said = Wording.of(" Hi ", "a\r\n${enrollment.url}", "${enrollment.url}", " Go: ${enrollment.url}\r\n")
    await template_editing.reword(row, said, now=now, actor="ada")
    changed = await template_editing.template_of(row.id)
    assert changed is not None
    assert (changed.subject, changed.text, changed.sms) == ("Hi", "a\n${enrollment.url}", "Go: ${enrollment.url}")
    assert not template_editing.is_default(changed, "url")
    await template_editing.restore(changed, now=now, actor="ada")
    restored = await template_editing.template_of(row.id)
    assert restored is not None
    assert template_editing.is_default(restored, "url")
    assert await AuditEntry.filter(actor="ada", action="template.changed").count() == 2


async def test_an_unknown_macro_changes_nothing(desk: Desk) -> None:
    row = await templates.default_template("confirmation")
    with pytest.raises(InputRefused) as refused:
        await template_editing.reword(
            row, Wording("Hi", "${enrollment.pin}", "x"), now=await database.now(), actor="ada"
        )
    assert "at line 1, column 1" in refused.value.fields["text"]
    assert await NotificationTemplate.get(id=row.id) == row
    assert await AuditEntry.filter(action="template.changed").count() == 0


async def test_a_control_character_is_refused(desk: Desk) -> None:
    row, now = await templates.default_template("confirmation"), await database.now()
    with pytest.raises(InputRefused) as refused:
        await template_editing.reword(row, Wording("Hi", "a\tb\x00", "<p>\n</p>"), now=now, actor="ada")
    assert list(refused.value.fields) == ["text"]


async def test_a_removed_template_is_told(desk: Desk) -> None:
    row = await templates.default_template("confirmation")
    await NotificationTemplate.filter(id=row.id).delete()
    assert await template_editing.template_of(uuid4()) is None
    with pytest.raises(InputRefused):
        await template_editing.restore(row, now=await database.now(), actor="ada")


async def test_a_template_is_cloned_renamed_and_removed(desk: Desk) -> None:
    now, system = await database.now(), await templates.default_template("pin")
    mine = await template_editing.clone(system, " PIN for Macs of one's own ", now=now, actor="ada")
    assert (mine.name, mine.kind, mine.system, mine.text) == ("PIN for Macs of one's own", "pin", False, system.text)
    assert mine.sms == system.sms != ""
    await template_editing.rename(mine, "BYOD PIN", now=now, actor="ada")
    await template_editing.rename(mine, " BYOD PIN ", now=now, actor="ada")
    assert [row.name for row in await templates.list_templates("pin")] == [system.name, "BYOD PIN"]
    await template_editing.remove(mine, now=now, actor="ada")
    assert await template_editing.template_of(mine.id) is None
    for again in (
        template_editing.remove(mine, now=now, actor="ada"),
        template_editing.rename(mine, "x", now=now, actor="a"),
    ):
        with pytest.raises(InputRefused):
            await again
    entries = await AuditEntry.filter(actor="ada", action__startswith="template.").order_by("id")
    assert [entry.action for entry in entries] == ["template.cloned", "template.renamed", "template.removed"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "one\ntwo", DEFAULT_NAMES["url"]])
async def test_a_name_that_cannot_be_used_is_refused(desk: Desk, name: str) -> None:
    now, system = await database.now(), await templates.default_template("url")
    mine = await template_editing.clone(system, "mine", now=now, actor="ada")
    for change in (template_editing.clone, template_editing.rename):
        with pytest.raises(InputRefused) as refused:
            await change(mine, name, now=now, actor="ada")
        assert list(refused.value.fields) == ["name"]
    assert (await NotificationTemplate.get(id=mine.id)).name == "mine"


async def test_the_templates_of_the_system_keep_their_names_and_stay(desk: Desk) -> None:
    now, system = await database.now(), await templates.default_template("url")
    with pytest.raises(InputRefused, match="belongs to the system"):
        await template_editing.rename(system, "mine", now=now, actor="ada")
    with pytest.raises(InputRefused, match="belongs to the system"):
        await template_editing.remove(system, now=now, actor="ada")
    assert await templates.default_template("url") == system


async def test_a_property_can_be_said_once_somebody_has_it(desk: Desk) -> None:
    now, row = await database.now(), await templates.default_template("url")
    said = Wording("Hi", "${enrollment.url}\n${user.property.department}", "${enrollment.url}")
    with pytest.raises(InputRefused, match=r"\$\{user.property.department\} at line 2, column 1 is not known"):
        await template_editing.reword(row, said, now=now, actor="ada")
    assert "${user.property.department}" not in await template_editing.macros_of("url")
    await Person(name="ben", display_name="Ben", created_at=now, properties={"department": "IT"}).save()
    await template_editing.reword(row, said, now=now, actor="ada")
    assert "${user.property.department}" in await template_editing.macros_of("url", subject=True)


async def test_only_macros_that_have_a_value_are_offered(desk: Desk) -> None:
    assert "${enrollment.pin}" in await template_editing.macros_of("pin")
    assert "${enrollment.pin}" not in await template_editing.macros_of("pin", subject=True)
    assert "${enrollment.pin}" not in await template_editing.macros_of("url")
