"""The colours of mails can be read: 4.5 to 1 (WCAG 2.2, 1.4.3), in mail programs with a light and a dark background."""

import re
from html.parser import HTMLParser

import pytest

from otae.delivery.texts.default_texts import TRANSLATED, default_wording
from otae.delivery.texts.kinds import KINDS

ENOUGH = 4.5
LIGHT, DARK = "#ffffff", "#1e1e1e"


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted([luminance(one), luminance(other)], reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def faded(opacity: float, text: str, background: str) -> str:
    """Return the colour of text that the background shines through."""
    pairs = [(int(text[at : at + 2], 16), int(background[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(above * opacity + below * (1 - opacity)):02x}" for above, below in pairs)


class _Styles(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        style = dict(attributes).get("style") or ""
        self.found.append(dict(re.findall(r"([\w-]+)\s*:\s*([^;]+)", style)))


@pytest.mark.parametrize("language", ["en", *TRANSLATED])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_can_be_read_on_light_and_on_dark(kind: str, language: str) -> None:
    reader = _Styles()
    reader.feed(default_wording(kind, language).html)
    assert reader.found
    for style in reader.found:
        own = style.get("background-color")
        if own and own.startswith("$"):
            continue  # a macro: its value is checked where it is set
        if style.get("color", "inherit") != "inherit":
            for background in [own] if own else [LIGHT, DARK]:
                assert contrast(style["color"], background) >= ENOUGH, style
        else:
            assert not own, f"what is written on it has the colour of the mail program: {style}"
        opacity = float(style.get("opacity", 1))
        for text, background in (("#000000", LIGHT), ("#ffffff", DARK)):
            assert contrast(faded(opacity, text, background), background) >= ENOUGH, style


def test_what_cannot_be_read_is_noticed() -> None:
    assert contrast("#3b82f6", LIGHT) < ENOUGH < contrast("#ffffff", "#1f5fbf")
    assert contrast(faded(0.4, "#000000", LIGHT), LIGHT) < ENOUGH
