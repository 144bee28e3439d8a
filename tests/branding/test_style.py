"""The style sheet of an organization: readable on light and on dark pages, with the logo of each."""

import re

import pytest

from otae import colours
from otae.branding import style
from otae.store.models import Logo
from otae.web.static_files import FOLDER

LOGOS = {
    "light": Logo(theme="light", sha256="aa" * 32, width=480, height=120),
    "dark": Logo(theme="dark", sha256="bb" * 32, width=20, height=60),
}


def test_an_organization_without_colour_and_logo_has_no_style_sheet() -> None:
    assert style.sheet("", {}) == ""


@pytest.mark.parametrize("accent", ["#000000", "#0a62bd", "#b3261e", "#767676", "#5a00ff"])
def test_links_and_buttons_can_be_read_in_both_themes(accent: str) -> None:
    light, dark, chosen = re.findall(r"--accent:(#\w{6});--link:(#\w{6})", style.sheet(accent, {}))
    assert light[0] == accent
    assert dark == chosen
    assert colours.contrast(light[1], style.LIGHT_PAGE) >= 4.5
    assert colours.contrast(dark[1], style.DARK_PAGE) >= 4.5
    for button in (light[0], dark[0]):
        assert colours.contrast(button, colours.WHITE) >= 4.5
    assert colours.contrast(dark[0], style.DARK_PAGE) >= 3


def test_the_backgrounds_are_those_of_the_portal() -> None:
    sheet = (FOLDER / "portal.css").read_text()
    assert f"--page: {style.LIGHT_PAGE};" in sheet
    assert f"--surface: {style.DARK_PAGE};" in sheet


def test_each_theme_has_its_logo_in_its_size() -> None:
    sheet = style.sheet("", LOGOS)
    first, by_system, chosen = sheet.splitlines()
    assert "width:160px;height:40px" in first
    assert "aa" * 32 in first
    for rules in (by_system, chosen):
        assert "width:13px;height:40px" in rules
        assert "bb" * 32 in rules
    assert chosen.startswith('[data-bs-theme="dark"] .otae-logo{')
    assert by_system.startswith("@media (prefers-color-scheme:dark){:root:not([data-bs-theme]) .otae-logo{")


def test_one_logo_is_for_both_and_stands_on_a_plate_where_it_does_not_belong() -> None:
    sheet = style.sheet("#0a62bd", {"light": LOGOS["light"]})
    assert sheet.count("background-image") == 1
    assert sheet.count("background-color:#ffffff") == 2
    sheet = style.sheet("#0a62bd", {"dark": LOGOS["dark"]})
    assert sheet.count("background-image") == 1
    assert f"background-color:{style.DARK_PAGE}" in sheet.splitlines()[0]


def test_the_mark_changes_with_what_is_in_it() -> None:
    marks = {style.mark(style.sheet(accent, logos)) for accent in ("", "#000000") for logos in ({}, LOGOS)}
    assert len(marks) == 4


def test_asking_for_ever_other_colours_takes_no_more_memory() -> None:
    for number in range(300):
        style.sheet(f"#{number:06x}", {})
    kept = style._colour_rule.cache_info()  # noqa: SLF001 - what is kept shows nowhere else
    assert kept.currsize == kept.maxsize == 64
