"""The style sheet of an organization: its colour and its logos, for light pages and for dark ones."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from otae import colours, paths
from otae.branding.logos import DARK, LIGHT, LogoRow

#: The backgrounds in portal.css with which text in the colour has the least contrast.
LIGHT_PAGE: Final = "#f3f5f7"
DARK_PAGE: Final = "#1c222b"
#: Most width and height of a logo on a page, in pixels.
SHOWN: Final = (180, 40)
_PLATE: Final = ".otae-logo{padding:4px 8px;border-radius:6px;background-color:%s}"


def sheet(accent: str, logos: Mapping[str, LogoRow]) -> str:
    """Return the style sheet, "" for an organization that has neither colour nor logo.

    Dark pages get a lighter shade of the colour; where only the logo for light pages is stored, dark pages show it on a
    light plate, and the other way round.
    """
    light, dark = _colour_rule(accent) if accent else ("", "")
    if LIGHT in logos:
        light += _logo_rule(logos[LIGHT])
        dark += _logo_rule(logos[DARK]) if DARK in logos else _PLATE % colours.WHITE
    elif DARK in logos:
        light += _logo_rule(logos[DARK]) + _PLATE % DARK_PAGE
        dark += _PLATE % "transparent"
    if not light:
        return ""
    # as in portal.css: where the script runs it says what was chosen, elsewhere the system decides
    chosen, by_system = _below('[data-bs-theme="dark"]', dark), _below(":root:not([data-bs-theme])", dark)
    return f"{light}\n@media (prefers-color-scheme:dark){{{by_system}}}\n{chosen}\n"


def mark(text: str) -> str:
    """Return the hash of a style sheet that stands in its address."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@lru_cache(maxsize=64)  # strangers may ask for the style sheet of any colour
def _colour_rule(accent: str) -> tuple[str, str]:
    """Return the CSS rules for light pages and for dark ones: the colour of buttons, and of links.

    Links get a shade with the contrast of text.
    """
    light = f":root{{--accent:{accent};--link:{colours.readable(accent, LIGHT_PAGE, colours.TEXT)}}}"
    button = colours.readable(accent, DARK_PAGE, colours.SHAPE)
    return light, f":root{{--accent:{button};--link:{colours.readable(accent, DARK_PAGE, colours.TEXT)}}}"


def shown_size(logo: LogoRow) -> tuple[int, int]:
    """Return the width and height in which a logo is shown, at most SHOWN."""
    scale = min(SHOWN[0] / logo.width, SHOWN[1] / logo.height, 1)
    return max(1, round(logo.width * scale)), max(1, round(logo.height * scale))


def _logo_rule(logo: LogoRow) -> str:
    width, height = shown_size(logo)
    address = paths.LOGO(logo.sha256)
    return f".otae-logo{{width:{width}px;height:{height}px;background-image:url({address})}}"


def _below(theme: str, rules: str) -> str:
    """Return ``rules`` for pages of a theme, whose root ``theme`` selects."""
    return rules.replace(":root{", f"{theme}{{").replace(".otae-logo{", f"{theme} .otae-logo{{")
