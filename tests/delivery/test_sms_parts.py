"""Text messages are counted as networks carry them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.delivery.sms.parts import measure, unicode_letters


@pytest.mark.parametrize(
    ("text", "length", "parts", "unicode"),
    [
        ("", 0, 0, False),
        ("a" * 160, 160, 1, False),
        ("a" * 161, 161, 2, False),
        ("a" * 306, 306, 2, False),
        ("a" * 307, 307, 3, False),
        ("é£Ω\n\r", 5, 1, False),
        ("€[]{}~^|\\", 18, 1, False),
        ("€" * 80, 160, 1, False),
        ("€" * 80 + "a", 161, 2, False),
        ("a" * 152 + "€" + "a" * 10, 164, 2, False),
        ("a" * 152 + "€" * 77, 306, 3, False),
        ("ç", 1, 1, True),
        ("“" * 70, 70, 1, True),
        ("“" * 71, 71, 2, True),
        ("“" * 134, 134, 2, True),
        ("“" * 135, 135, 3, True),
        ("👩" * 35, 70, 1, True),
        ("👩" * 36, 72, 2, True),
        ("a" * 66 + "👩" * 34, 134, 3, True),
        ("a" * 70 + "`", 71, 2, True),
    ],
)
def test_places_and_parts_of_a_text(text: str, length: int, parts: int, unicode: bool) -> None:
    found = measure(text)
    assert (found.length, found.parts, found.unicode) == (length, parts, unicode)


def test_the_letters_that_cost_most_are_named_once() -> None:
    assert unicode_letters("Grüße “Ben” – ç €") == "“”–ç"


@given(st.text(max_size=700))
def test_any_text_has_as_many_parts_as_it_needs(text: str) -> None:
    found = measure(text)
    whole, part = (70, 67) if found.unicode else (160, 153)
    assert found.unicode == bool(unicode_letters(text))
    assert (found.parts <= 1) == (found.length <= whole)
    if found.parts > 1:
        assert found.length / part <= found.parts <= found.length // (part - 1) + 1
