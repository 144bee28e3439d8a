"""The languages of messages, and the translations of the values that macros insert."""

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date

from otae import time_zones
from otae.store.mode_table import MODES
from otae.translatable import N_
from otae.words import PEOPLE_LANGUAGES, best_language, translations

#: The language of a template's own text.
MAIN: Final = "en"
#: BCP 47 tag → the name of the language in itself.
LANGUAGES: Final[Mapping[str, str]] = {
    "ar": "العربية",
    "bg": "Български",
    "ca": "Català",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "de-AT": "Deutsch (Österreich)",
    "de-CH": "Deutsch (Schweiz)",
    "el": "Ελληνικά",
    "en": "English",
    "en-GB": "English (United Kingdom)",
    "en-US": "English (United States)",
    "es": "Español",
    "es-419": "Español (Latinoamérica)",
    "et": "Eesti",
    "fa": "فارسی",
    "fi": "Suomi",
    "fr": "Français",
    "fr-CA": "Français (Canada)",
    "fr-CH": "Français (Suisse)",
    "he": "עברית",
    "hi": "हिन्दी",
    "hr": "Hrvatski",
    "hu": "Magyar",
    "id": "Bahasa Indonesia",
    "is": "Íslenska",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "lt": "Lietuvių",
    "lv": "Latviešu",
    "nb": "Norsk bokmål",
    "nl": "Nederlands",
    "nl-BE": "Nederlands (België)",
    "nn": "Norsk nynorsk",
    "pl": "Polski",
    "pt": "Português",
    "pt-BR": "Português (Brasil)",
    "ro": "Română",
    "ru": "Русский",
    "sk": "Slovenčina",
    "sl": "Slovenščina",
    "sr": "Српски",
    "sv": "Svenska",
    "th": "ไทย",
    "tr": "Türkçe",
    "uk": "Українська",
    "ur": "اردو",
    "vi": "Tiếng Việt",
    "zh-Hans": "简体中文",
    "zh-Hant": "繁體中文",
}
_BROWSER_WARNING: Final = N_(
    "Your browser will warn you that it does not know this server, because %(organization)s issues its certificate "
    "itself. Before you go on, look at the certificate (in Safari: Show Details, then “view the certificate”): the "
    "topmost one must have the fingerprint below. If it has another one, close the page and ask."
)
#: The expiry of an invitation that never expires.
_UNTIL_USED: Final = N_("it has been used")


def with_fallbacks(*tags: str) -> list[str]:
    """Return the languages to try, in order: each of ``tags`` that is not empty, then its base, then what is like it.

    For "pt-PT" these are "pt-PT", "pt" and "pt-BR", of which the product speaks the last.
    """
    tried = (
        each
        for tag in filter(None, tags)
        for each in (tag, tag.partition("-")[0], best_language(tag, PEOPLE_LANGUAGES))
        if each
    )
    return list(dict.fromkeys(tried))


def direction(tag: str) -> str:
    """Return "rtl" for a language written from the right, else "ltr"."""
    return Locale.parse(tag, sep="-").text_direction


def sign_in_words(mode: str, tag: str) -> str:
    """Return what a person signs in with in ``mode``, in the language of ``tag`` or in English."""
    return translations(tag).gettext(MODES[mode].sign_in if mode in MODES else mode)


def browser_warning(organization: str, tag: str) -> str:
    """Return what to do when the browser warns of the server's certificate, in the language of ``tag``."""
    return translations(tag).gettext(_BROWSER_WARNING) % {"organization": organization}


@functools.lru_cache(maxsize=1024)  # most messages of a batch end at the same time
def format_expiry(end: datetime | None, tag: str, zone: ZoneInfo) -> str:
    """Return an expiry in a time zone and the language of ``tag``: "24 December 2026, 19:00 CET"."""
    if end is None:
        return translations(tag).gettext(_UNTIL_USED)
    # English without a region writes the day first, as the rest of the world does.
    locale = Locale.parse("en-GB" if tag == MAIN else tag, sep="-")
    at = end.astimezone(zone)
    between = " " if locale.language == "ja" else ", "
    return f"{format_date(at, 'long', locale=locale)}{between}{at:%H:%M} {time_zones.abbreviation(at, locale)}"
