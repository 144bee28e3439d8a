"""What receivers look up about a sender: SPF, DKIM and DMARC, as they stand in DNS."""

import pytest

from otae.delivery.mail import deliverability
from tests.delivery.name_server import NameServer, states

pytestmark = pytest.mark.anyio


async def test_a_sender_that_says_everything_is_fine(names: NameServer) -> None:
    names.texts = {
        "mail.example.test": ["v=spf1 ip4:192.0.2.1 -all", "something else"],
        "house._domainkey.mail.example.test": ["v=DKIM1; k=rsa; p=" + "A" * 392],
        "_dmarc.example.test": ["v=DMARC1; p=reject"],
    }
    found = await deliverability.check_sender_domain("mail.example.test", "house")
    assert states(found) == {"SPF": "ok", "DKIM": "ok", "DMARC": "ok"}
    assert "ip4:192.0.2.1" in found[0]["words"]


async def test_a_sender_that_says_nothing_is_told_what_is_missing(names: NameServer) -> None:
    found = await deliverability.check_sender_domain("example.test", "house")
    assert states(found) == {"SPF": "missing", "DKIM": "missing", "DMARC": "missing"}
    assert set(names.asked) == {"example.test", "house._domainkey.example.test", "_dmarc.example.test"}


@pytest.mark.parametrize(
    ("name", "texts", "what"),
    [
        ("example.test", ["v=spf1 +all"], "SPF"),
        ("example.test", ["v=spf1 all"], "SPF"),
        ("example.test", ["v=spf1 -all", "v=spf1 mx -all"], "SPF"),
        ("house._domainkey.example.test", ["v=DKIM1; p="], "DKIM"),
        ("_dmarc.example.test", ["v=DMARC1; p=none; rua=mailto:ada@example.test"], "DMARC"),
    ],
)
async def test_what_is_said_and_helps_nobody_is_weak(names: NameServer, name: str, texts: list[str], what: str) -> None:
    names.texts[name] = texts
    assert states(await deliverability.check_sender_domain("example.test", "house"))[what] == "weak"


async def test_without_a_selector_no_key_is_guessed(names: NameServer) -> None:
    assert states(await deliverability.check_sender_domain("example.test", ""))["DKIM"] == "unknown"
    assert not [name for name in names.asked if "_domainkey" in name]


@pytest.mark.slow
async def test_a_silent_dns_leaves_it_open(names: NameServer) -> None:
    names.silent = True
    found = await deliverability.check_sender_domain("example.test", "house")
    assert states(found) == {"SPF": "unknown", "DKIM": "unknown", "DMARC": "unknown"}
