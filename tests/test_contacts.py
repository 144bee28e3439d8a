"""Mail addresses and phone numbers as people write them, as they are kept, and what is none at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.contacts import MailAddressRefused, NumberRefused, country_code, e164, mail_address, shown_address, spellings


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("ada@example.test", "ada@example.test"),
        ("Ada.L+x@Example.TEST", "Ada.L+x@Example.TEST"),
        ("\u00a0jan@example.test\u00a0", "jan@example.test"),
        ("\ufeffjan@example.test\u200b\r\n", "jan@example.test"),
        ("\u202ajan@example.test\u202c", "jan@example.test"),
        ("mailto:jan@example.test", "jan@example.test"),
        ("ｊａｎ@example.test", "jan@example.test"),
        ("mia@müller.example", "mia@xn--mller-kva.example"),
        ("mia@MU\u0308LLER.example", "mia@xn--mller-kva.example"),
        ("mia@straße.example", "mia@xn--strae-oqa.example"),
        ("mia@xn--mller-kva.example", "mia@xn--mller-kva.example"),
        ("ben@localhost", "ben@localhost"),
    ],
)
def test_an_address_is_kept_as_mail_servers_are_asked_for_it(written: str, kept: str) -> None:
    assert mail_address(written) == kept
    assert mail_address(shown_address(kept)) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "@example.test",
        "ada@",
        "a b@example.test",
        "a..b@example.test",
        ".a@example.test",
        "a@example..test",
        "a@-example.test",
        "a@exa_mple.test",
        "Ada <ada@example.test>",
        "ada@example.test, ben@example.test",
        "ada@example\n.test",
        "a\u202eb@example.test",
        "a@xn--a.example",
        "a@" + "x" * 64 + ".test",
        "x" * 65 + "@example.test",
    ],
)
def test_what_mail_cannot_go_to_is_refused(written: str) -> None:
    with pytest.raises(MailAddressRefused, match="no e-mail address"):
        mail_address(written)


def test_letters_before_the_at_say_what_they_need() -> None:
    with pytest.raises(MailAddressRefused, match="SMTPUTF8"):
        mail_address("jürgen@example.test")


@pytest.mark.parametrize("written", ["¼x@example.test", "mailto:Ａ¼@example.test"])
def test_what_was_entered_is_named_as_it_was_entered(written: str) -> None:
    with pytest.raises(MailAddressRefused, match=f"“{written.removeprefix('mailto:').partition('@')[0]}”"):
        mail_address(written)


@given(st.text(max_size=60))
def test_whatever_is_written_comes_out_as_ascii_or_not_at_all(written: str) -> None:
    try:
        kept = mail_address(f"{written}@exämple.test")
    except MailAddressRefused:
        return
    assert kept.isascii()
    assert mail_address(kept) == kept


def test_an_address_is_looked_for_in_every_form() -> None:
    assert spellings("mia@müller.example") == ["mia@müller.example", "mia@xn--mller-kva.example"]
    assert spellings("mia@xn--mller-kva.example") == ["mia@xn--mller-kva.example", "mia@müller.example"]
    assert spellings("mia") == ["mia"]
    assert shown_address(None) == ""


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+49 151 12345678", "", "+4915112345678"),
        ("0151 / 123 456-78", "DE", "+4915112345678"),
        ("0049 151 12345678", "DE", "+4915112345678"),
        ("(201) 555-0123", "US", "+12015550123"),
        ("+1\u00a0201.555.0123", "DE", "+12015550123"),
        ("+49 (0) 151 2345678", "", "+491512345678"),
        ("+49 (0)30/1234567", "", "+49301234567"),
        ("030/1234567", "DE", "+49301234567"),
        ("06131 / 234567", "DE", "+496131234567"),
        ("+49/151/2345678", "", "+491512345678"),
        ("201/555-0123", "US", "+12015550123"),
        ("+49 151\u20132345678", "", "+491512345678"),
        ("+49 151\u22122345678", "", "+491512345678"),
        ("\u202a+49 151 2345678\u202c", "", "+491512345678"),
        ("\u2068+49 151 2345678\u2069", "", "+491512345678"),
        ("tel:+491512345678", "", "+491512345678"),
        ("TEL: +49-151-2345678", "", "+491512345678"),
        ("\uff0b49 151 2345678", "", "+491512345678"),
        ("+49\u202f151\u202f2345678", "", "+491512345678"),
        ('="+491512345678"', "", "+491512345678"),
        ("'+491512345678", "", "+491512345678"),
        (" \u00a0+49.151.2345678\ufeff\n", "", "+491512345678"),
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
        ("4915112345678", "DE"),
        ("15112345678", "DE"),
        ("12345678", "DE"),
        ("[+49] 151 2345678", "DE"),
        ("+49 30 1234567\n68", "DE"),
        ("٠١٥١١٢٣٤٥٦٧٨", "DE"),
        ("+49\u202e15112345678", "DE"),
        ("\U0001f4de 15112345678", "DE"),
        ("+49" + "1" * 10_000, "DE"),
        ("", "DE"),
    ],
)
def test_what_could_not_be_called_is_refused(written: str, region: str) -> None:
    with pytest.raises(NumberRefused):
        e164(written, region=region)


@pytest.mark.parametrize(
    "written",
    [
        "+49 30 1234567 / 68",
        "030 1234567/68",
        "+49 151 234567 / 8",
        "+49 30 1234567 (68)",
        "0151 2345678/0151 2345679",
        "5551 / 5552",
    ],
)
def test_two_numbers_never_become_one(written: str) -> None:
    with pytest.raises(NumberRefused, match="two numbers"):
        e164(written, region="DE")


@pytest.mark.parametrize(
    "written",
    [
        "+1 212-555-0100 x12",
        "+1 212-555-0100 ext. 12",
        "tel:+12125550100;ext=12",
        "+12125550100,,12",
        "+12125550100#12",
    ],
)
def test_an_extension_is_refused_with_what_to_say(written: str) -> None:
    with pytest.raises(NumberRefused, match="no extension"):
        e164(written, region="DE")


@pytest.mark.parametrize("written", ["4.91512E+11", "4,91512E+11", "4.91512e11"])
def test_a_number_that_a_spreadsheet_shortened_says_so(written: str) -> None:
    with pytest.raises(NumberRefused, match="spreadsheet"):
        e164(written, region="DE")


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
