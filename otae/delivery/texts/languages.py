"""The languages of messages, and the translations of the values that macros insert."""

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, get_timezone_gmt, get_timezone_name

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
_RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})

#: Language → enrollment mode → what a person signs in with.
_SIGNS_IN_WITH: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "username_password": "your user name and password",
        "two_factor": "your user name, password and PIN",
        "username_pin": "your user name and PIN",
        "high_security": "your user name, password and PIN, through the link in the invitation",
        "invitation_url": "the link in the invitation",
        "invitation_url_pin": "the link in the invitation and your PIN",
        "invitation_url_password": "the link in the invitation and your password",
    },
    "de": {
        "username_password": "Benutzername und Passwort",
        "two_factor": "Benutzername, Passwort und PIN",
        "username_pin": "Benutzername und PIN",
        "high_security": "Benutzername, Passwort und PIN, über den Link in der Einladung",
        "invitation_url": "Link in der Einladung",
        "invitation_url_pin": "Link in der Einladung und PIN",
        "invitation_url_password": "Link in der Einladung und Passwort",
    },
    "fr": {
        "username_password": "nom d’utilisateur et mot de passe",
        "two_factor": "nom d’utilisateur, mot de passe et code PIN",
        "username_pin": "nom d’utilisateur et code PIN",
        "high_security": "nom d’utilisateur, mot de passe et code PIN, par le lien de l’invitation",
        "invitation_url": "lien de l’invitation",
        "invitation_url_pin": "lien de l’invitation et code PIN",
        "invitation_url_password": "lien de l’invitation et mot de passe",
    },
    "es": {
        "username_password": "nombre de usuario y contraseña",
        "two_factor": "nombre de usuario, contraseña y PIN",
        "username_pin": "nombre de usuario y PIN",
        "high_security": "nombre de usuario, contraseña y PIN, mediante el enlace de la invitación",
        "invitation_url": "enlace de la invitación",
        "invitation_url_pin": "enlace de la invitación y PIN",
        "invitation_url_password": "enlace de la invitación y contraseña",
    },
}

#: Language → the expiry of an invitation that never expires.
_UNTIL_USED: Final[Mapping[str, str]] = {
    "en": "it has been used",
    "de": "zur Benutzung",
    "fr": "son utilisation",
    "es": "que se utilice",
}


def base_of(tag: str) -> str:
    """Return the language of a tag without its region or script: "pt" for "pt-BR"."""
    return tag.partition("-")[0]


def with_fallbacks(*tags: str) -> list[str]:
    """Return the languages to try, in order: each of ``tags`` that is not empty, followed by its base language."""
    return list(dict.fromkeys(each for tag in tags if tag for each in (tag, base_of(tag))))


def direction(tag: str) -> str:
    """Return "rtl" for a language written from the right, else "ltr"."""
    return "rtl" if base_of(tag) in _RIGHT_TO_LEFT else "ltr"


def sign_in_words(mode: str, tag: str) -> str:
    """Return what a person signs in with in ``mode``, in the language of ``tag`` or in English."""
    return _SIGNS_IN_WITH.get(base_of(tag), _SIGNS_IN_WITH[MAIN]).get(mode, mode)


@functools.lru_cache(maxsize=1024)  # most messages of a batch end at the same time
def format_expiry(end: datetime | None, tag: str, zone: ZoneInfo) -> str:
    """Return an expiry in a time zone and the language of ``tag``: "24 December 2026, 19:00 CET"."""
    if end is None:
        return _UNTIL_USED.get(base_of(tag), _UNTIL_USED[MAIN])
    # English without a region writes the day first, as the rest of the world does.
    locale = Locale.parse("en-GB" if tag == MAIN else tag, sep="-")
    at = end.astimezone(zone)
    return f"{format_date(at, 'long', locale=locale)}, {at:%H:%M} {_zone_name(at, locale)}"


def _zone_name(at: datetime, locale: Locale) -> str:
    """Return the abbreviation of a time's zone in a language, else the usual one, else its distance from UTC."""
    usual = at.tzname() or ""
    if not usual.isalpha():
        return get_timezone_gmt(at, width="long", locale=locale)
    found = get_timezone_name(at, width="short", locale=locale)
    return found if found.isalpha() and usual != "UTC" else usual
