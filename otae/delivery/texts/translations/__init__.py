"""What the messages say by default in languages other than English, by language and kind."""

from collections.abc import Mapping
from typing import Final

from otae.delivery.texts.default_texts import Wording
from otae.delivery.texts.languages import wanted
from otae.delivery.texts.translations import french, german, spanish
from otae.delivery.texts.translations.phrases import worded

#: Language → kind → its words.
SPOKEN: Final[Mapping[str, Mapping[str, Wording]]] = {
    speech.language: worded(speech) for speech in (german.SPEECH, spanish.SPEECH, french.SPEECH)
}


def default_in(kind: str, language: str) -> Wording | None:
    """Return what a message of ``kind`` says by default in ``language`` ("de-AT": as "de"), None when not known."""
    found = next((SPOKEN[tag] for tag in wanted(language) if tag in SPOKEN), None)
    return found.get(kind) if found else None
