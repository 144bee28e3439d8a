"""The default texts of messages in languages other than English."""

from collections.abc import Mapping
from typing import Final

from otae.delivery.texts.default_texts import Wording
from otae.delivery.texts.languages import with_fallbacks
from otae.delivery.texts.translations import french, german, spanish
from otae.delivery.texts.translations.phrases import build_wordings

#: Language → kind → its wording.
SHIPPED_TRANSLATIONS: Final[Mapping[str, Mapping[str, Wording]]] = {
    phrases.language: build_wordings(phrases) for phrases in (german.PHRASES, spanish.PHRASES, french.PHRASES)
}


def default_in(kind: str, language: str) -> Wording | None:
    """Return the default wording of ``kind`` in ``language`` or its base language ("de" for "de-AT"), or None."""
    found = next((SHIPPED_TRANSLATIONS[tag] for tag in with_fallbacks(language) if tag in SHIPPED_TRANSLATIONS), None)
    return found.get(kind) if found else None
