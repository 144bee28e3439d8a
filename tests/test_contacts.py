"""Mail addresses and host names: written as people write them, kept and called as the network knows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.contacts import MailAddressRefused, mail_address, shown_address, spellings
from otae.hostnames import HostRefused, ascii_host, ascii_url, shown_host


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
    ("written", "known"),
    [
        ("Mail.Example.test", "mail.example.test"),
        ("my_host", "my_host"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("straße.example", "xn--strae-oqa.example"),
        ("STRASSE.example", "strasse.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("日本語。jp", "xn--wgv71a119e.jp"),
        ("ＥＸＡＭＰＬＥ.test", "example.test"),
    ],
)
def test_a_host_is_the_domain_that_browsers_call(written: str, known: str) -> None:
    assert ascii_host(written) == known
    assert ascii_host(shown_host(known)) == known


@pytest.mark.parametrize("written", ["a\u200db.example", "-ü.example", "xn--a.example", "☃.example"])
def test_what_cannot_be_registered_is_no_host(written: str) -> None:
    with pytest.raises(HostRefused):
        ascii_host(written)


def test_an_address_of_the_web_keeps_everything_but_its_host() -> None:
    assert ascii_url("https://müller.example:8443/a?b=c") == "https://xn--mller-kva.example:8443/a?b=c"
    assert ascii_url("https://example.test/ü") == "https://example.test/ü"
    assert ascii_url("https://[::1") == "https://[::1"
