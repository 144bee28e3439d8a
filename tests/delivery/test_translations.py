"""The messages in the languages that the product speaks by itself: complete, sendable, chosen by the person."""

import html
import re
from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from otae.delivery.mail.mime import build
from otae.delivery.sms.parts import measure, unicode_letters
from otae.delivery.texts import template_editing, templates
from otae.delivery.texts.compose import fill_mail, fill_sms
from otae.delivery.texts.default_texts import TRANSLATED, Wording, default_in, default_wording
from otae.delivery.texts.kinds import ADMINISTRATIVE, KINDS
from otae.delivery.texts.languages import LANGUAGES
from otae.delivery.texts.macros import MACROS, check_template
from otae.errors import InputRefused
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import TemplateTranslation
from otae.words import PEOPLE_LANGUAGES, translations
from tests import messages
from tests.house import tree

pytestmark = pytest.mark.anyio

EACH = [(language, kind) for language in TRANSLATED for kind in KINDS]
#: Languages that the alphabet of text messages cannot write.
OTHER_LETTERS = {"ja"}
NOW = datetime(2026, 11, 23, tzinfo=UTC)
MACRO = re.compile(r"\$\{[^}]*\}")
URL = "https://enroll.example.test/zdm/su?e=ep-00000000-0000-4000-8000-000000000000"
VALUES = dict.fromkeys(MACROS, "value") | {
    "enrollment.url": URL,
    "enrollment.pin": "12345678",
    "server.name": "Example GmbH",
    "support.contact": "help@example.test",
}


def macros(said: Wording) -> dict[str, set[str]]:
    """Return the macros of each part, without their defaults: those are translated."""
    return {part: {each.partition(" ")[0] for each in MACRO.findall(text)} for part, text in asdict(said).items()}


@pytest.mark.parametrize(("language", "kind"), EACH)
async def test_each_language_says_each_message_with_the_macros_of_english(language: str, kind: str) -> None:
    said = default_wording(kind, language)
    check_template(kind, **asdict(said))
    assert macros(said) == macros(default_wording(kind))
    assert language in LANGUAGES
    assert f'<html lang="{language}" dir="ltr">' in said.html
    assert not re.search(r"@[A-Za-z]", said.html + said.text)
    assert max(map(len, said.text.splitlines())) <= 78


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", PEOPLE_LANGUAGES)
async def test_text_and_html_of_a_mail_say_the_same(language: str, kind: str) -> None:
    said, speak = default_wording(kind, language), translations(language).gettext
    check_template(kind, **asdict(said))
    address, message = speak("Open this address on the Mac itself:"), speak("Open this message on the Mac itself.")
    button = {
        speak("Enroll this Mac"),
        f"{speak('If the button does nothing, open this address:')} ${{enrollment.url}}",
    }
    text = plain(re.sub(r"(?m)^\d\. ", "", said.text)).replace(f"{address} ${{enrollment.url}}", message)
    paragraphs = [
        plain(html.unescape(each)) for each in re.findall(r"<(?:p [^>]*|li)>(.*?)</(?:p|li)>", said.html, re.DOTALL)
    ]
    assert paragraphs.pop(0) == "${server.name}"
    assert " ".join(each for each in paragraphs if each not in button) == text


def plain(text: str) -> str:
    """Return a text without tags and line ends."""
    return " ".join(re.sub(r"<(?!br)[^>]*>", "", text).replace("<br>", "\n").split())


async def test_every_text_of_a_mail_is_translated() -> None:
    texts = {name: text for name, text in tree.texts().items() if name.startswith("templates/mail/")}
    marked = {text for name, held in texts.items() for text in messages.marked(name, held)}
    assert len(marked) > 50
    for language in TRANSLATED:
        catalog = translations(language)
        assert not [text for text in marked if catalog.gettext(str(text)) == text]


@pytest.mark.parametrize(("language", "kind"), EACH)
async def test_each_message_is_built_and_its_text_message_takes_two_parts_at_most(language: str, kind: str) -> None:
    said = default_wording(kind, language)
    filled = fill_mail(said, VALUES)
    message = build(
        sender=("Example GmbH", "enrollment@example.test"),
        recipient="ben@example.test",
        subject=filled.subject,
        text=filled.text,
        html=filled.html,
        message_id="<1@example.test>",
        now=NOW,
    )
    assert len(message.content) < 30_000
    if kind not in ADMINISTRATIVE:
        text = fill_sms(kind, said, VALUES)
        assert language in OTHER_LETTERS or not unicode_letters(text)
        assert 1 <= measure(text).parts <= 2
        assert text != fill_sms(kind, default_wording(kind), VALUES)


async def test_the_kinds_are_those_of_english_and_a_region_gets_its_language() -> None:
    assert set(TRANSLATED) == {"de", "es", "fr", "it", "ja", "nl", "pt-BR"}
    assert all(default_in(kind, language) for language in TRANSLATED for kind in KINDS)
    assert default_in("url", "de-AT") == default_wording("url", "de")
    assert default_in("url", "sv") is None


async def test_a_person_gets_their_language_until_the_template_says_something_else(desk: Desk) -> None:
    now, row = await database.now(), await templates.default_template("url")
    assert await templates.wording_for(row, "fr-CH") == (default_wording("url", "fr"), "fr")
    assert await templates.wording_for(row, "sv") == (default_wording("url"), "en")
    assert (await templates.wording_for(row, "en"))[1] == "en"
    await properties.write("notification.language", "es")
    assert await templates.wording_for(row, "sv") == (default_wording("url", "es"), "es")
    own = Wording("Ours", "${enrollment.url}", "${enrollment.url}")
    await template_editing.reword(row, own, now=now, actor="ada")
    row = await templates.default_template("url")
    assert (await templates.wording_for(row, "fr"))[0].subject == "Ours"
    await template_editing.translate(row, "fr", now=now, actor="ada")
    assert await templates.wording_for(row, "fr") == (default_wording("url", "fr"), "fr")


async def test_one_language_is_changed_and_restored_by_itself(desk: Desk) -> None:
    now, row = await database.now(), await templates.default_template("pin")
    own = Wording("Ihre PIN", "${enrollment.pin}", "${enrollment.pin}")
    await template_editing.reword(row, own, now=now, actor="ada", language="de")
    said, _ = await templates.wording_for(row, "de")
    assert (said.subject, said.sms) == ("Ihre PIN", default_wording("pin", "de").sms)
    stored = await TemplateTranslation.get(template_id=row.id, language="de")
    assert not template_editing.is_default(stored, "pin", "de")
    await template_editing.restore(row, now=now, actor="ada", language="de")
    assert await templates.wording_for(row, "de") == (default_wording("pin", "de"), "de")
    assert await TemplateTranslation.filter(template_id=row.id).count() == 1
    with pytest.raises(InputRefused):
        await template_editing.reword(row, own, now=now, actor="ada", language="sv")
    with pytest.raises(InputRefused):
        await template_editing.restore(row, now=now, actor="ada", language="sv")


async def test_a_clone_says_what_it_says_in_every_language(desk: Desk) -> None:
    now, row = await database.now(), await templates.default_template("url")
    copy = await template_editing.clone(row, "Contractors", now=now, actor="ada")
    assert [each.language for each in await templates.translations(copy.id)] == TRANSLATED
    assert await templates.wording_for(copy, "de") == (default_wording("url", "de"), "de")
    with pytest.raises(InputRefused):
        await template_editing.restore(copy, now=now, actor="ada")
