"""Contrast as WCAG computes it, and the nearest colour that can be read."""

import pytest

from otae import colours


@pytest.mark.parametrize(
    ("text", "colour"),
    [("#0A62BD", "#0a62bd"), ("#000000", "#000000"), ("0a62bd", None), ("#fff", None), ("#0a62bg", None), ("", None)],
)
def test_a_colour_has_six_hexadecimal_digits(text: str, colour: str | None) -> None:
    assert colours.parse(text) == colour


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#0a62bd", "#ffffff", 6.01),
    ],
)
def test_the_contrast_is_that_of_the_standard_either_way(one: str, other: str, ratio: float) -> None:
    assert colours.contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert colours.contrast(one, other) == colours.contrast(other, one)


@pytest.mark.parametrize("colour", ["#000000", "#0a62bd", "#b3261e", "#767676", "#ffffff", "#ffff00", "#1c222b"])
@pytest.mark.parametrize("background", ["#ffffff", "#f3f5f7", "#1c222b", "#12161c"])
@pytest.mark.parametrize("ratio", [colours.SHAPE, colours.TEXT])
def test_a_colour_is_changed_only_as_far_as_it_takes(colour: str, background: str, ratio: float) -> None:
    found = colours.readable(colour, background, ratio)
    assert colours.contrast(found, background) >= ratio
    if colours.contrast(colour, background) >= ratio:
        assert found == colour
