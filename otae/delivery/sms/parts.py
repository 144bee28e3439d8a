"""How long a text message is: networks carry it in parts, in the 7-bit alphabet of GSM 03.38, else in UCS-2."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: The alphabet of which 160 letters fit into one message; `_EXTENSION` takes two places each.
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
#: Places in a message that stands alone, and in each part of a longer one, whose header takes the rest.
GSM, GSM_PART = 160, 153
UCS2, UCS2_PART = 70, 67


@dataclass(frozen=True)
class Measure:
    """``length``: places taken; ``parts``: messages it is carried in; ``unicode``: some letter is not in GSM 03.38."""

    length: int
    parts: int
    unicode: bool


def measure(text: str) -> Measure:
    """Return how long ``text`` is as a text message; an empty one has no part."""
    unicode = not _BASIC.issuperset(set(text) - _EXTENSION)
    places = [_units(letter) for letter in text] if unicode else [1 + (letter in _EXTENSION) for letter in text]
    whole, part = (UCS2, UCS2_PART) if unicode else (GSM, GSM_PART)
    length = sum(places)
    return Measure(length, _parts(places, part) if length > whole else int(length > 0), unicode)


def foreign(text: str) -> str:
    """Return the letters of ``text`` that make it Unicode, each once, in their order."""
    return "".join(dict.fromkeys(letter for letter in text if letter not in _BASIC and letter not in _EXTENSION))


def _units(letter: str) -> int:
    return 2 if ord(letter) > 0xFFFF else 1


def _parts(places: Iterable[int], most: int) -> int:
    """Fill one part after the other; a letter of two places is never cut in two."""
    parts, taken = 1, 0
    for wide in places:
        if taken + wide > most:
            parts, taken = parts + 1, 0
        taken += wide
    return parts
