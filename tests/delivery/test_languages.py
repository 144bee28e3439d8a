"""Languages: what is tried in which order, which way it is written, and when an invitation ends in it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from otae.delivery.texts import languages
from otae.delivery.texts.languages import LANGUAGES

END = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)


def test_each_language_is_followed_by_its_base_and_none_is_tried_twice() -> None:
    assert languages.with_fallbacks("pt-BR", "", "de", "pt") == ["pt-BR", "pt", "de"]
    assert languages.with_fallbacks("", "") == []
    assert languages.with_fallbacks("pt-PT") == ["pt-PT", "pt", "pt-BR"]


def test_four_are_written_from_the_right() -> None:
    right = {tag for tag in LANGUAGES if languages.direction(tag) == "rtl"}
    assert right == {"ar", "fa", "he", "ur"}
    assert languages.direction("ar-EG") == "rtl"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_language_says_when_an_invitation_ends(tag: str) -> None:
    said = languages.format_expiry(END, tag, ZoneInfo("Europe/Berlin"))
    assert "19:00" in said
    assert "\n" not in said
    assert languages.format_expiry(None, tag, ZoneInfo("UTC"))


def test_english_without_a_region_writes_the_day_first() -> None:
    assert languages.format_expiry(END, "en", ZoneInfo("UTC")).startswith("24 December 2026, 18:00")
    assert languages.format_expiry(END, "en-US", ZoneInfo("UTC")).startswith("December 24, 2026, 18:00")
