"""An organization's own texts: versions that are kept, limits, and two who write at once."""

import asyncio
import hashlib

import pytest

from otae.branding import portal_texts
from otae.branding.portal_texts import HELP, LONGEST, TERMS_OF_USE
from otae.errors import InputRefused
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, PortalText

pytestmark = pytest.mark.anyio


async def save(text: str, language: str = "en", kind: str = TERMS_OF_USE, replacing: int | None = None) -> PortalText:
    now = await database.now()
    saved = await portal_texts.save(kind, language, text, now=now, actor="ada", replacing=replacing)
    assert saved
    return saved


async def versions(language: str = "en") -> list[tuple[int, str, bool]]:
    rows = await portal_texts.history(TERMS_OF_USE, language)
    return [(row.version, row.text, row.replaced_at is None) for row in rows]


async def test_a_change_is_a_new_version_and_the_old_one_stays(desk: Desk) -> None:
    await save("One.")
    await save("Two.", replacing=1)
    await save("Eins.", "de")
    assert await versions() == [(2, "Two.", True), (1, "One.", False)]
    assert {tag: row.text for tag, row in (await portal_texts.shown(TERMS_OF_USE)).items()} == {
        "de": "Eins.",
        "en": "Two.",
    }
    assert await portal_texts.shown(HELP) == {}
    kept = await AuditEntry.filter(action="terms-of-use.changed").order_by("id")
    assert [(entry.subject, entry.detail[:9]) for entry in kept] == [
        ("en", "version 1"),
        ("en", "version 2"),
        ("de", "version 1"),
    ]


async def test_what_was_removed_is_kept_and_its_number_is_not_used_again(desk: Desk) -> None:
    await save("One.")
    assert await portal_texts.save(TERMS_OF_USE, "en", " \n", now=await database.now(), actor="ada") is None
    assert await portal_texts.shown(TERMS_OF_USE) == {}
    assert (await save("One.")).version == 2
    assert await versions() == [(2, "One.", True), (1, "One.", False)]


async def test_the_same_text_again_is_no_new_version(desk: Desk) -> None:
    first = await save("One.\r\n\r\nTwo.\t\r\n")
    assert first.text == "One.\n\nTwo."
    assert first.sha256 == hashlib.sha256(b"One.\n\nTwo.").hexdigest()
    assert (await save("\nOne.  \n\nTwo.\n")).id == first.id
    assert await AuditEntry.filter(action="terms-of-use.changed").count() == 1


async def test_who_wrote_from_an_older_version_is_refused(desk: Desk) -> None:
    await save("One.", replacing=0)
    for replacing in (0, 2):
        with pytest.raises(InputRefused, match="somebody else changed this text meanwhile"):
            await save("Two.", replacing=replacing)
    assert await versions() == [(1, "One.", True)]


async def test_of_two_who_save_at_once_one_is_refused(desk: Desk) -> None:
    results = await asyncio.gather(*(save(f"Text {n}.", replacing=0) for n in range(5)), return_exceptions=True)
    assert sum(isinstance(each, InputRefused) for each in results) == 4
    [(number, _text, is_shown)] = await versions()
    assert (number, is_shown) == (1, True)


@pytest.mark.parametrize(
    ("kind", "language", "text", "field", "words"),
    [
        (TERMS_OF_USE, "tlh", "One.", "language", "use one of en"),
        ("imprint", "en", "One.", "kind", "use help or terms-of-use"),
        (HELP, "en", "é" * (2 * 1024 + 1), "text", "longer than 4 KiB"),
        (TERMS_OF_USE, "en", "é" * (8 * 1024 + 1), "text", "longer than 16 KiB"),
        (TERMS_OF_USE, "en", "One.\nTwo\u202e.", "text", "line 2: it holds a character that turns"),
        (TERMS_OF_USE, "en", "One\x07.", "text", "line 1: it holds a control character"),
    ],
)
async def test_what_cannot_be_shown_is_refused(
    desk: Desk, kind: str, language: str, text: str, field: str, words: str
) -> None:
    with pytest.raises(InputRefused) as caught:
        await save(text, language, kind)
    assert words in str(caught.value.fields[field])
    assert await PortalText.all().count() == 0


async def test_the_longest_text_is_taken(desk: Desk) -> None:
    assert len((await save("x" * LONGEST[TERMS_OF_USE] * 1024)).text) == 16 * 1024


async def test_a_person_gets_their_language_else_the_usual_else_any(desk: Desk) -> None:
    texts = {tag: await save(f"In {tag}.", tag) for tag in ("fr", "de")}
    assert portal_texts.choose(texts, "de", "fr") == texts["de"]
    assert portal_texts.choose(texts, "es", "fr") == texts["fr"]
    assert portal_texts.choose(texts, "es", "en") in texts.values()
    assert portal_texts.choose({}, "es", "en") is None
