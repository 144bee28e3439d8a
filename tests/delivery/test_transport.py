"""What a server said is one short printable line, whatever it sent."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from otae.delivery.transport import MAX_WORDS, PermanentlyRefused, TemporaryFailure, Unreachable, plain


def test_an_answer_of_many_lines_is_one() -> None:
    assert plain("550 no\r\n\tsuch  user\x00\x1b[31m") == plain(plain("550 no\r\n\tsuch  user\x00\x1b[31m"))
    assert plain("550 no\r\n  such user ") == "550 no such user"
    assert str(PermanentlyRefused("550\nno")) == "550 no"
    assert len(plain("x" * 10_000)) == MAX_WORDS


@given(st.text())
def test_it_is_printable_short_and_stays_as_it_is(words: str) -> None:
    said = plain(words)
    assert len(said) <= MAX_WORDS
    assert "\n" not in said
    assert not [letter for letter in said if unicodedata.category(letter) in {"Cc", "Zl", "Zp"}]
    assert plain(said) == said


def test_who_cannot_be_reached_may_be_reached_later() -> None:
    assert issubclass(Unreachable, TemporaryFailure)
    assert not issubclass(PermanentlyRefused, TemporaryFailure)
