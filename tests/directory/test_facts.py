"""What names may hold: whatever is shown as it stands, emoji of several parts too, and nothing that hides or turns."""

import pytest

from otae.directory.facts import is_shown_as_it_stands
from otae.directory.shapes import _printable

SHOWN = [
    "Ben Okafor",
    "Døra Ünïcode 李",
    "Ben 👩‍💻",
    "👩🏽‍💻",
    "👨‍👩‍👧‍👦 at home",
    "❤️‍🔥",
    "🏳️‍🌈",
    "🤷🏾‍♂️",
    "",
]
HIDDEN = [
    "Ben\nBcc: cleo@example.test",
    "Ben\r",
    "\x00",
    "Ben\x1b[31m",
    "\u202enimda\u202c",
    "\u2067Ben\u2069",
    "Be\u200dn",
    "Ben\u200d",
    "\u200d👩",
    "👩\u200d",
    "👩\u200d\u200d💻",
    "👩\u200dBen",
    "👩\u200d\n💻",
    "Be\u200bn",
    "\ufeffBen",
    "B\u00aden",
    "🏴\U000e0067\U000e007f",
]


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_shown_may_stand(text: str) -> None:
    assert is_shown_as_it_stands(text)
    assert _printable(text, 200) == text


@pytest.mark.parametrize("text", HIDDEN)
def test_what_hides_or_turns_may_not(text: str) -> None:
    assert not is_shown_as_it_stands(text)
    assert is_shown_as_it_stands(_printable(text, 200)), "of a directory's name the rest is kept"


def test_a_long_name_is_cut_between_emoji() -> None:
    for length in range(1, 12):
        assert is_shown_as_it_stands(_printable("👩‍💻" * 60, length))
