"""The length of a text message in parts: networks encode it in the 7-bit alphabet of GSM 03.38, else in UCS-2."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: The basic GSM 03.38 alphabet; each character of `_EXTENSION` takes two units.
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
#: Units in a message of one part, and in each part of a longer one, where a header takes the rest.
GSM, GSM_PART = 160, 153
UCS2, UCS2_PART = 70, 67


@dataclass(frozen=True)
class Measure:
    """The length of a text as a text message.

    ``length``: in units; a character takes one or two of them. ``parts``: how many messages it is sent as. ``unicode``:
    whether a character is not in GSM 03.38, so that the text is sent as UCS-2.
    """

    length: int
    parts: int
    unicode: bool


def measure(text: str) -> Measure:
    """Measure ``text`` as a text message; an empty one has no parts."""
    unicode = not _BASIC.issuperset(set(text) - _EXTENSION)
    units = [_units(letter) for letter in text] if unicode else [1 + (letter in _EXTENSION) for letter in text]
    whole, part = (UCS2, UCS2_PART) if unicode else (GSM, GSM_PART)
    length = sum(units)
    return Measure(length, _parts(units, part) if length > whole else int(length > 0), unicode)


def unicode_letters(text: str) -> str:
    """Return the characters of ``text`` that are not in GSM 03.38, each once, in order."""
    return "".join(dict.fromkeys(letter for letter in text if letter not in _BASIC and letter not in _EXTENSION))


def _units(letter: str) -> int:
    return 2 if ord(letter) > 0xFFFF else 1


def _parts(units: Iterable[int], most: int) -> int:
    """Return the number of parts of ``most`` units; a character of two units is never split."""
    parts, taken = 1, 0
    for wide in units:
        if taken + wide > most:
            parts, taken = parts + 1, 0
        taken += wide
    return parts
