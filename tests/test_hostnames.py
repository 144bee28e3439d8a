"""Host names as people write them, and as the network knows them."""

import pytest

from otae.hostnames import HostRefused, ascii_host, ascii_url, shown_host


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
