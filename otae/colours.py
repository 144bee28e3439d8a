"""Colours as "#rrggbb", and whether text in them can be read (WCAG 2.2, contrast ratio)."""

import re
from typing import Final

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
WHITE: Final = "#ffffff"
#: The least contrast of text with what it stands on (WCAG 2.2 §1.4.3), and of a button with its page (§1.4.11).
TEXT: Final = 4.5
SHAPE: Final = 3.0


def parse(text: str) -> str | None:
    """Return a colour such as "#0A62BD" in small letters, None for anything else."""
    lowered = text.lower()
    return lowered if _COLOUR.fullmatch(lowered) else None


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: str, background: str, ratio: float) -> str:
    """Return ``colour``, made darker or lighter until its contrast with ``background`` is at least ``ratio``."""
    towards = 0 if _luminance(background) > 0.18 else 255
    channels = _channels(colour)
    for part in range(101):
        mixed = "#" + "".join(f"{each + (towards - each) * part // 100:02x}" for each in channels)
        if contrast(mixed, background) >= ratio:
            return mixed
    return "#000000" if towards == 0 else WHITE


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(colour: str) -> float:
    shares = (each / 255 for each in _channels(colour))
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
