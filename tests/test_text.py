"""Text that people type and paste, cleaned and compared."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.text import (
    TURNING,
    TextRefused,
    cleaned_line,
    folded,
    identifier,
    letters_and_digits,
    visible_line,
    whole_number,
)

NAMES = {
    "plain": ("Ada Lovelace", "Ada Lovelace"),
    "ideographic space": ("山田\u3000太郎", "山田 太郎"),
    "no-break space": ("Anna\u00a0Käfer", "Anna Käfer"),
    "narrow no-break space": ("Anna\u202fKäfer\u202f", "Anna Käfer"),
    "non-joiner between letters": ("علی\u200cرضا", "علی\u200cرضا"),
    "joiner between letters": ("ශ\u0dca\u200dරී", "ශ\u0dca\u200dරී"),
    "joiner between emoji": ("Kim 👩\u200d💻", "Kim 👩\u200d💻"),
    "joiner between letters that know none": ("Be\u200dn 太\u200c郎", "Ben 太郎"),
    "joiner at the end": ("علی\u200c", "علی"),
    "two joiners": ("a\u200d\u200db", "ab"),
    "decomposed": ("Ka\u0308fer", "Käfer"),
    "byte order mark": ("\ufeffAda", "Ada"),
    "zero-width space inside": ("Ada\u200bLovelace", "AdaLovelace"),
    "soft hyphen inside": ("Ober\u00admeier", "Obermeier"),
    "direction marks around": ("\u202aAda\u202c", "Ada"),
    "a mark inside one at the end": ("Ada\u200f \u200e", "Ada"),
    "tab": ("Ada\tLovelace", "Ada Lovelace"),
    "blank letters alone": ("\u3164\u2800", ""),
    "invisible alone": ("\u200b\u2060", ""),
    "Arabic number sign": ("\u0600١٢", "\u0600١٢"),
    "not assigned in this Python": ("Ada \U0001fae9", "Ada \U0001fae9"),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_name_is_shown_as_it_is_written(case: str) -> None:
    given_text, shown = NAMES[case]
    assert visible_line(given_text) == shown
    assert cleaned_line(given_text) == shown


@pytest.mark.parametrize(
    ("text", "says", "cleaned"),
    [
        ("Ada\u202eecalevoL", "direction", "AdaecalevoL"),
        ("Ada\u200fB", "direction", "AdaB"),
        ("Ada\nLovelace", "line break", "Ada Lovelace"),
        ("Ada\u2028Lovelace", "line break", "Ada Lovelace"),
        ("Ada\x00", "control", "Ada"),
        ("Ada\x1b[31m", "control", "Ada [31m"),
        ("Ada\ud800", "control", "Ada"),
    ],
)
def test_what_hides_or_turns_text_is_refused_or_goes(text: str, says: str, cleaned: str) -> None:
    with pytest.raises(TextRefused, match=says):
        visible_line(text)
    assert cleaned_line(text) == cleaned


@pytest.mark.parametrize(
    "pasted",
    [
        "１２３４５６７８",
        "1234 5678",
        "1234\u00a05678",
        "1234–5678",
        "\ufeff12345678\u200b",
        "1234\u20605678",
        "\u202a12345678\u202c",
        "\u31641234\uffa05678\u115f",
        "١٢٣٤٥٦٧٨",
        "१२३४५६७८",
    ],
)
def test_a_pin_counts_by_its_digits(pasted: str) -> None:
    assert letters_and_digits(pasted) == "12345678"


@given(st.text("23456789ABCDEFGHJKLMNPQRSTUVWXYZ", min_size=4, max_size=16), st.data())
def test_whatever_is_pasted_between_no_letter_of_a_pin_is_lost_or_added(pin: str, data: st.DataObject) -> None:
    nothing = st.text(st.characters(categories=["Zs", "Zl", "Zp", "Cc", "Cf", "Pd", "Po"]), max_size=3)
    assert letters_and_digits("".join(f"{data.draw(nothing)}{each}" for each in pin) + data.draw(nothing)) == pin


@pytest.mark.parametrize(
    "pasted", ["ben.o", " ben.o\u00a0", "\ufeffben.o", "be\u200bn.o", "ｂｅｎ．ｏ", "ben.o\u200f", "ben\u00ad.o\r\n"]
)
def test_an_identifier_counts_by_what_can_be_seen(pasted: str) -> None:
    assert identifier(pasted) == "ben.o"


def test_a_long_line_is_cut_between_what_is_joined() -> None:
    for length in range(1, 12):
        line = cleaned_line("👩\u200d💻" * 60, length)
        assert line
        assert visible_line(line) == line


@pytest.mark.parametrize("pasted", ["ben\nsmith", "ben \r\n smith", "ben\u2028smith", "ben\u00a0smith\n"])
def test_a_line_break_never_glues_what_stands_around_it(pasted: str) -> None:
    assert identifier(pasted) == "ben smith"


def test_an_identifier_keeps_case_and_one_space_for_any() -> None:
    assert identifier("Ben \u3000\u00a0 Smith") == "Ben Smith"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Łukasz", "lukasz"),
        ("Jürgen  Groß", "jurgen gross"),
        ("İstanbul", "istanbul"),
        ("Ångström", "angstrom"),
        ("Søren Kjærgård", "soren kjaergard"),
        ("ben\u00a0\u00a0smith ", "Ben Smith"),
        ("علی\u200cرضا", "علیرضا"),
        ("Nguyễn Văn", "nguyen van"),
    ],
)
def test_texts_that_a_directory_takes_for_one_another_fold_alike(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)]
    + [
        (each, None)
        for each in ("", "-1", "+1", " 1", "1.0", "1_0", "\u00b2", "\u0663", "\uff11", "9" * 19, "9" * 5000)
    ],
)
def test_a_whole_number_is_written_in_ascii_digits_and_no_longer_than_a_database_takes(
    text: str, number: int | None
) -> None:
    assert whole_number(text) == number


def test_folding_keeps_letters_apart_that_are_not_accents() -> None:
    assert folded("が") != folded("か")
    assert folded("किरण") != folded("करण")


@given(st.text())
def test_cleaned_lines_are_visible_lines(text: str) -> None:
    made = cleaned_line(text)
    assert visible_line(made) == made == cleaned_line(made)
    assert not set(made) & TURNING


@given(st.text())
def test_folding_and_identifying_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert identifier(identifier(text)) == identifier(text)
    assert not [each for each in identifier(text) if unicodedata.category(each) == "Cf"]
