"""Phone numbers as people write them, as E.164 has them, and what is no number at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.delivery.phones import NumberRefused, country_code, e164


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+49 151 12345678", "", "+4915112345678"),
        ("0151 / 123 456-78", "DE", "+4915112345678"),
        ("0049 151 12345678", "DE", "+4915112345678"),
        ("(201) 555-0123", "US", "+12015550123"),
        ("+1\u00a0201.555.0123", "DE", "+12015550123"),
    ],
)
def test_a_number_is_kept_as_it_is_dialled_from_everywhere(written: str, region: str, number: str) -> None:
    assert e164(written, region=region) == number


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("0151 12345678", ""),
        ("+49", "DE"),
        ("+999 123456", "DE"),
        ("110", "DE"),
        ("1-800-FLOWERS", "US"),
        ("+4915112345678\nBcc: x", "DE"),
        ("+4915112345678,+4915112345679", "DE"),
        ("\uff0b4915112345678", "DE"),
        ("٠١٥١١٢٣٤٥٦٧٨", "DE"),
        ("+49 151 12345678 ext. 5", "DE"),
        ("+49\u202e15112345678", "DE"),
        ("\U0001f4de 15112345678", "DE"),
        ("+49" + "1" * 10_000, "DE"),
        ("", "DE"),
    ],
)
def test_what_could_not_be_called_is_refused(written: str, region: str) -> None:
    with pytest.raises(NumberRefused):
        e164(written, region=region)


@given(st.text(max_size=60))
def test_whatever_is_written_comes_out_as_plus_and_digits_or_not_at_all(written: str) -> None:
    try:
        number = e164(written, region="DE")
    except NumberRefused:
        return
    assert number[0] == "+"
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert 3 <= len(number) <= 17


def test_the_country_of_a_number_is_known() -> None:
    assert (country_code("+4915112345678"), country_code("+12015550123")) == ("49", "1")
