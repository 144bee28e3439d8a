"""Test configuration: the whole conversation without its secrets, and what DNS says about the sender."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from otae.delivery.connection_test import send_test_mail
from otae.delivery.mail import deliverability
from otae.delivery.mail.transcript import REDACTED, Transcript
from otae.store.desk import Desk
from otae.store.models import NotificationServer
from tests.delivery.conftest import NOW, UseServer
from tests.servers.smtp import SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio

ID = "<1.test@localhost>"


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """A name server for TXT records; ``silent`` answers nothing."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    silent: bool = False
    asked: list[str] = field(default_factory=list)
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if self.silent or self.transport is None:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if texts := self.texts.get(name):
            quoted = [" ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200)) for text in texts]
            answer.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "TXT", *quoted))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> AsyncIterator[NameServer]:
    """Run a name server that this house asks from now on."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(deliverability, "DNS_TIMEOUT", 1)
    monkeypatch.setattr(dns.asyncresolver, "Resolver", lambda: resolver)
    yield server
    transport.close()
    await asyncio.sleep(0.05)  # its socket closes in the loop's next turns


def states(findings: object) -> dict[str, str]:
    assert isinstance(findings, list)
    return {finding["name"]: finding["state"] for finding in findings}


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


async def test_a_silent_dns_leaves_it_open(names: NameServer) -> None:
    names.silent = True
    found = await deliverability.check_sender_domain("example.test", "house")
    assert states(found) == {"SPF": "unknown", "DKIM": "unknown", "DMARC": "unknown"}


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_private_authority_is_trusted_for_its_server_alone(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP, names: NameServer, security: str
) -> None:
    smtp = start_smtp(security)
    ours = smtp.ca_file.read_text()
    server = await use_server(smtp, host="localhost", ca_pem="Söhne\n" + ours)
    assert server.ca_pem == ours
    outcome = await send_test_mail(desk, server, "ada@example.test", message_id=ID, now=NOW)
    assert outcome["ok"] is True, outcome
    await NotificationServer.all().update(ca_pem="")
    refused = await send_test_mail(desk, await NotificationServer.get(), "ada@example.test", message_id=ID, now=NOW)
    assert refused["ok"] is False
    assert "not trusted" in str(refused["words"])


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_the_whole_conversation_is_shown_and_no_secret_in_it(
    desk: Desk,
    use_server: UseServer,
    start_smtp: StartSMTP,
    names: NameServer,
    monkeypatch: pytest.MonkeyPatch,
    security: str,
) -> None:
    smtp = start_smtp(security, user="otae", password="sesame-street")
    monkeypatch.setenv("SSL_CERT_FILE", str(smtp.ca_file))
    server = await use_server(smtp, host="localhost", username="otae", password="sesame-street")
    outcome = await send_test_mail(desk, server, "ada@example.test", message_id=ID, now=NOW)
    assert outcome["ok"] is True, outcome
    said = outcome["said"]
    assert isinstance(said, list)
    text = "\n".join(said)
    for secret in ("sesame-street", base64.b64encode(b"sesame-street").decode()):
        assert secret not in text
    assert base64.b64encode(b"\0otae\0sesame-street").decode() not in text
    assert f"> AUTH PLAIN {REDACTED}" in said or f"> {REDACTED}" in said
    order = ["220 ", "agreed", "> EHLO", "> AUTH", "> MAIL FROM:<it@example.test>", "> RCPT", "> DATA", "< 250 2.0.0"]
    if security == "tls":
        order[:2] = order[1::-1]
    else:
        order.insert(1, "> STARTTLS")
    places = [next(at for at, line in enumerate(said) if part in line) for part in order if part != "> EHLO"]
    assert places == sorted(places), said
    assert "localhost" in str(outcome["certificate_names"])
    assert outcome["certificate_until"]
    assert states(outcome["findings"])["SPF"] == "missing"


async def test_a_refusal_is_shown_where_it_happened(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer, names: NameServer
) -> None:
    server = await use_server(smtp_server)
    smtp_server.answer("RCPT", "550 5.1.1 nobody here")
    outcome = await send_test_mail(desk, server, "ada@example.test", message_id=ID, now=NOW)
    assert (outcome["ok"], outcome["words"]) == (False, "550 5.1.1 nobody here")
    said = outcome["said"]
    assert isinstance(said, list)
    assert said[-4:-2] == ["> RCPT TO:<ada@example.test>", "< 550 5.1.1 nobody here"]
    assert outcome["certificate_names"] == []


async def test_a_server_that_talks_without_end_is_cut(desk: Desk) -> None:
    transcript = Transcript(secrets=("sesame",))
    for at in range(1000):
        transcript.add("<", f"{at} the password is sesame\x1b[31m")
    assert len(transcript.lines) == 120
    assert transcript.lines[0] == f"< 0 the password is {REDACTED} [31m"
