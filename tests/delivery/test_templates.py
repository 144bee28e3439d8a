"""Which wording a person gets: the language that fits best, of a template that an administrator may have changed."""

from dataclasses import asdict, replace

import pytest

from otae.delivery.texts import templates
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import NotificationTemplate, TemplateTranslation

pytestmark = pytest.mark.anyio


async def translated(template: NotificationTemplate, *tags: str) -> None:
    wording = templates.wording_of(template)
    for tag in tags:
        await TemplateTranslation(
            template_id=template.id, language=tag, **asdict(replace(wording, subject=f"in {tag}"))
        ).save(force_create=True)


async def subject(template: NotificationTemplate, language: str) -> tuple[str, str]:
    wording, tag = await templates.wording_for(template, language)
    return wording.subject, tag


async def test_a_person_s_language_then_its_base_then_the_organization_s_then_english(desk: Desk) -> None:
    template = await templates.default_template("url")
    await NotificationTemplate.filter(id=template.id).update(subject="our own")
    template = await NotificationTemplate.get(id=template.id)
    assert templates.shipped_languages(template) == [], "what was changed is not translated by us"
    await translated(template, "pt", "it")
    await properties.write("notification.language", "it")
    assert await subject(template, "pt-BR") == ("in pt", "pt")
    assert await subject(template, "pt") == ("in pt", "pt")
    assert await subject(template, "fi") == ("in it", "it")
    assert await subject(template, "") == ("in it", "it")
    assert await subject(template, "en-GB") == ("our own", "en"), "who reads English gets it"
    await properties.write("notification.language", "")
    assert await subject(template, "fi") == ("our own", "en")


async def test_a_default_template_speaks_the_languages_of_the_product(desk: Desk) -> None:
    template = await templates.default_template("url")
    shipped = templates.shipped_languages(template)
    assert {"de", "es", "fr", "it", "ja", "nl", "pt-BR"} <= set(shipped)
    for tag in shipped:
        assert (await subject(template, tag))[1] == tag
        row = templates.shipped_translation(template, tag)
        assert row is not None
        assert row.subject == (await subject(template, tag))[0]
    await translated(template, "de")
    assert await subject(template, "de") == ("in de", "de")
    assert templates.shipped_translation(template, "fi") is None
    assert await templates.languages_by_template() == {template.id: ["de"]}


async def test_a_default_template_that_was_removed_is_there_again(desk: Desk) -> None:
    before = await templates.default_template("pin")
    await NotificationTemplate.filter(id=before.id).delete()
    again = await templates.default_template("pin")
    assert templates.wording_of(again) == templates.wording_of(before)
    assert await NotificationTemplate.filter(kind="pin", system=True).count() == 1
    kinds = [row.kind for row in await templates.list_templates()]
    assert kinds == sorted(kinds)
    assert [row.kind for row in await templates.list_templates("pin")] == ["pin"]
