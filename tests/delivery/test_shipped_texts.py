"""A release that says something better by default reaches what nobody edited, and only that."""

from dataclasses import asdict, replace

import pytest

from otae.delivery.texts import default_texts, template_editing, templates
from otae.delivery.texts.default_texts import TRANSLATED, Wording, default_wording
from otae.delivery.texts.kinds import KINDS
from otae.delivery.texts.shipped_texts import MAILS, TEXTS, fingerprint, mail_fingerprint
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import NotificationTemplate, TemplateTranslation

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", KINDS)
def test_every_default_text_is_known_by_its_fingerprint(kind: str) -> None:
    said = default_wording(kind)
    add = f"add {mail_fingerprint(said)} to MAILS[{kind!r}], and keep the others"
    assert MAILS[kind][-1] == mail_fingerprint(said), add
    if said.sms:
        assert TEXTS[kind][-1] == fingerprint(said.sms), f"add {fingerprint(said.sms)} to TEXTS[{kind!r}]"


@pytest.fixture
def better(monkeypatch: pytest.MonkeyPatch) -> Wording:
    """Be a later release, which says more in an invitation, on an installation that this one made."""
    better = replace(default_wording("url"), subject="${server.name}: please enroll your Mac", sms="${enrollment.url}")

    def wording(kind: str, language: str = "en") -> Wording:
        return better if (kind, language) == ("url", "en") else default_wording(kind, language)

    monkeypatch.setattr(default_texts, "default_wording", wording)
    return better


@pytest.mark.usefixtures("desk")
async def test_an_upgrade_renews_what_nobody_edited_and_every_language_still_speaks(better: Wording) -> None:
    before = await templates.default_template("url")
    assert templates.wording_of(before) != better
    assert await templates.wording_for(before, "de") == (default_wording("url", "de"), "de"), (
        "before the first start, too"
    )
    await templates.ensure_templates()
    row = await templates.default_template("url")
    assert (row.id, templates.wording_of(row)) == (before.id, better)
    for language in TRANSLATED:
        assert await templates.wording_for(row, language) == (default_wording("url", language), language)
    assert await templates.wording_for(row, "en") == (better, "en")
    assert templates.shipped_languages(row) == TRANSLATED


async def test_an_upgrade_leaves_alone_what_was_edited(desk: Desk, better: Wording) -> None:
    now = await database.now()
    row = await templates.default_template("url")
    own = Wording("Ours", "${enrollment.url}", "<p>${enrollment.url}</p>", "${enrollment.url}")
    await template_editing.reword(row, own, now=now, actor="ada")
    copy = await template_editing.clone(await templates.default_template("pin"), "Ours", now=now, actor="ada")
    await templates.ensure_templates()
    row = await NotificationTemplate.get(id=row.id)
    assert templates.wording_of(row) == own != better
    assert await templates.wording_for(row, "de") == (own, "en"), "what is written there holds"
    assert templates.wording_of(await NotificationTemplate.get(id=copy.id)) == default_wording("pin")


async def test_an_edited_translation_stays_beside_a_renewed_template(desk: Desk, better: Wording) -> None:
    now, row = await database.now(), await templates.default_template("url")
    own = Wording("Unser", "${enrollment.url}", "<p>${enrollment.url}</p>", "${enrollment.url}")
    await template_editing.reword(row, own, now=now, actor="ada", language="de")
    await templates.ensure_templates()
    row = await templates.default_template("url")
    assert templates.wording_of(row) == better
    assert await templates.wording_for(row, "de") == (own, "de")
    assert await templates.wording_for(row, "fr") == (default_wording("url", "fr"), "fr")


@pytest.mark.usefixtures("desk", "better")
async def test_an_edited_text_message_alone_is_an_edited_template() -> None:
    await NotificationTemplate.filter(kind="url").update(sms="Ours: ${enrollment.url}")
    before = templates.wording_of(await templates.default_template("url"))
    await templates.ensure_templates()
    row = await templates.default_template("url")
    assert templates.wording_of(row) == before
    assert templates.shipped_languages(row) == []


@pytest.mark.usefixtures("desk")
async def test_what_the_very_first_release_said_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows have no text message; any mail whose fingerprint is listed stands for them."""
    old = Wording("${server.name}: a Mac", "${enrollment.url}", "${enrollment.url}", "")
    monkeypatch.setitem(MAILS, "url", (mail_fingerprint(old), *MAILS["url"]))
    await NotificationTemplate.filter(kind="url").update(**asdict(old))
    await templates.ensure_templates()
    assert templates.wording_of(await templates.default_template("url")) == default_wording("url")
    assert not await TemplateTranslation.exists()
