"""Mail that comes back: signed return addresses, reports of failure, and the LMTP door they come in by."""

import asyncio
import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.delivery.mail import bounces, lmtp
from otae.delivery.queue import outbox
from otae.delivery.transport import plain
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, Invitation
from tests.delivery.conftest import NOW, TOKEN, Invite, Invited, UseServer
from tests.delivery.reports import report, return_address
from tests.ledger import check_ledger
from tests.servers.ports import free_port
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio


async def test_mail_names_a_return_address_that_was_signed_for_it(
    desk: Desk, sent: Invited, smtp_server: SMTPServer
) -> None:
    [mail] = smtp_server.messages
    assert mail.sender == await return_address(desk, sent.deliveries["url"].id)
    assert mail.sender.endswith("@bounce.example.test")
    assert str(mail.message["From"]) == "Example GmbH <it@example.test>"
    assert await bounces.delivery_for_address(desk, mail.sender) == sent.deliveries["url"].id
    assert len(mail.sender.partition("@")[0]) <= 64


@pytest.mark.parametrize("at", [7, 38, 40, 59])
async def test_an_address_that_was_not_signed_here_is_refused(desk: Desk, sent: Invited, at: int) -> None:
    address = await return_address(desk, sent.deliveries["url"].id)
    assert address is not None
    other = address[:at] + ("0" if address[at] != "0" else "1") + address[at + 1 :]
    for wrong in (other, "bounce+@bounce.example.test", "it@example.test", "", "bounce+" + "é" * 32):
        with pytest.raises(bounces.UnknownReturnAddress):
            await bounces.delivery_for_address(desk, wrong)


async def test_a_report_of_failure_marks_the_delivery_bounced_with_the_words(
    desk: Desk, sent: Invited, smtp_server: SMTPServer
) -> None:
    content = report(diagnostic=f"smtp; 550 5.1.1 nobody here, {TOKEN}")
    await bounces.process_report(sent.deliveries["url"].id, content, now=NOW)
    await bounces.process_report(sent.deliveries["url"].id, content, now=NOW)
    row = await sent.reload()
    assert (row.status, row.answer) == ("bounced", "5.1.1 550 5.1.1 nobody here, …")
    assert [event.detail for event in await Event.filter(kind="delivery.bounced")] == [f"url: {row.answer}"]
    assert (await Invitation.get(id=sent.invitation.id)).status == "pending"
    assert await check_ledger([smtp_server], recipients=1) == {"bounced": 1}


@pytest.mark.parametrize("pin", ["40719362", "7KQ2MXW9", "ABCDEF2"])
async def test_a_pin_that_a_report_quotes_is_not_kept(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, pin: str
) -> None:
    await use_server(smtp_server)
    ben = await invite("pin")
    await outbox.deliver(desk, ben.deliveries["pin"].id, now=NOW)
    content = report(diagnostic=f"smtp; 550 5.7.1 REJECTED by MX2: your PIN is {pin}.")
    await bounces.process_report(ben.deliveries["pin"].id, content, now=NOW)
    row = await ben.reload("pin")
    assert (row.status, row.answer) == ("bounced", "5.1.1 550 5.7.1 REJECTED by MX2: your PIN is ….")
    assert not await Event.filter(detail__contains=pin).exists()


async def test_one_report_handed_in_twenty_times_at_once_is_one_event(desk: Desk, sent: Invited) -> None:
    delivery = sent.deliveries["url"].id
    await asyncio.gather(*(bounces.process_report(delivery, report(), now=NOW) for _ in range(20)))
    assert (await sent.reload()).status == "bounced"
    assert await Event.filter(kind="delivery.bounced").count() == 1


def behind(html: bytes) -> bytes:
    """Return a report that begins with a long HTML part."""
    part = b"--b\r\nContent-Type: text/html\r\n\r\n" + html + b"\r\n"
    return report().replace(b"--b\r\n", part + b"--b\r\n", 1)


GLOBAL = report().replace(b"message/delivery-status", b"message/global-delivery-status").replace(
    b"nobody here", "niemand: jürgen@müller.example".encode()
)  # fmt: skip
_fields = (
    b"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: utf-8; x\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"Diagnostic-Code: smtp; 550 5.1.1 nobody here\r\n"
)
ENCODED = (
    b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/global-delivery-status\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(_fields) + b"--b--\r\n"
)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (behind((b"x" * 990 + b"\r\n") * 75), "5.1.1 550 5.1.1 nobody here"),
        (behind(b"<p>The message could not be delivered.</p>\r\n" * 1700), "5.1.1 550 5.1.1 nobody here"),
        (report(action="failed (user unknown)"), "5.1.1 550 5.1.1 nobody here"),
        (report(action="Failed\n (bounced)", status="5.1.1 (bad destination)"), "5.1.1 550 5.1.1 nobody here"),
        (GLOBAL, "5.1.1 550 5.1.1 niemand: jürgen@müller.example"),
        (GLOBAL.replace(b"Action: failed", b"Action: failed (x)"), "5.1.1 550 5.1.1 niemand: jürgen@müller.example"),
        (ENCODED, "5.1.1 550 5.1.1 nobody here"),
        (report().replace(b"multipart/report", b"multipart/mixed"), "5.1.1 550 5.1.1 nobody here"),
        (
            report().replace(
                b"--b--", b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + b"Content-Type: multipart/x\r\n" * 99
            ),
            "5.1.1 550 5.1.1 nobody here",
        ),
    ],
)
async def test_a_report_is_found_however_a_mail_server_writes_it(
    desk: Desk, sent: Invited, content: bytes, answer: str
) -> None:
    """Each by the door that mail servers speak to."""
    address = await return_address(desk, sent.deliveries["url"].id)
    port = free_port()
    await properties.write("mail.bounce.lmtp", f"127.0.0.1:{port}")
    async with lmtp.lmtp_listener(desk):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        said = f"LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<{address}>\r\nDATA\r\n".encode()
        writer.write(said + content + b"\r\n.\r\nQUIT\r\n")
        answers = (await reader.read()).decode()
        writer.close()
    assert "250 2.0.0 taken" in answers
    row = await sent.reload()
    assert (row.status, row.answer) == ("bounced", answer)


@pytest.mark.parametrize(
    "content",
    [
        report(action="delayed"),
        report(action="failed-over"),
        GLOBAL.replace(b"Action: failed", b"Action: relayed (failed)"),
        behind(b"x\n" * 200_000),
        report(action="delivered"),
        b"Content-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\nContent-Type: message/rfc822\r\n\r\n"
        + report()
        + b"\r\n--f--\r\n",
        report().replace(b"multipart/report", b"text/plain"),
        b"Subject: I am away\r\n\r\nUntil Monday.\r\n",
        b"Content-Type: multipart/report\r\n\r\nno parts",
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n",
        b"",
        b"\0\xff" * 1000,
    ],
)
async def test_other_mail_changes_nothing(desk: Desk, sent: Invited, content: bytes) -> None:
    await bounces.process_report(sent.deliveries["url"].id, content, now=NOW)
    assert (await sent.reload()).status == "sent"


async def test_a_report_that_overtakes_its_message_has_to_come_again(desk: Desk, sent: Invited) -> None:
    await Delivery.all().update(status="sending")
    with pytest.raises(bounces.TooEarly):
        await bounces.process_report(sent.deliveries["url"].id, report(), now=NOW)


def nested(levels: int, kind: str) -> bytes:
    """Write parts within parts, as no mail server does."""
    parts = (f"Content-Type: {kind}; boundary=b{level}\r\n\r\n--b{level}\r\n" for level in range(levels))
    return "".join(parts).encode()


START = b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
HOSTILE = {
    "deep parts": nested(5000, "multipart/report"),
    "deep messages": START + b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
    "many parts": START + b"--b\r\n\r\n" * 150_000,
    "many blocks": START + b"Content-Type: message/delivery-status\r\n\r\n" + b"a: b\r\n\r\n" * 120_000,
    "parameters": b"Content-Type: multipart/report; " + b"a=b;" * 250_000 + b"\r\n\r\n",
    "pieces": b"Content-Type: multipart/report; " + b"".join(b"a*%d=b;" % at for at in range(90_000)) + b"\r\n\r\n",
    "folds": b"To: a\r\n" + b" bounce+\r\n" * 90_000,
    "encoding": START + b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n=====",
    "bytes": bytes(range(256)) * 4000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.slow
def test_a_mail_made_to_keep_a_reader_busy_is_no_report(content: bytes) -> None:
    assert bounces.parse_report(content) is None


async def test_a_mail_made_to_keep_a_reader_busy_came_to_nobody(desk: Desk) -> None:
    for content in HOSTILE.values():
        with pytest.raises(bounces.UnknownReturnAddress):
            await bounces.delivery_for_mail(desk, content)


@given(st.binary(max_size=2000) | st.lists(st.sampled_from(report().splitlines(keepends=True))).map(b"".join))
def test_any_bytes_are_read_or_are_no_report(content: bytes) -> None:
    found = bounces.parse_report(content)
    assert found is None or found.words == plain(found.words)


@pytest.mark.parametrize("header", bounces.RECIPIENT_HEADERS)
async def test_a_whole_mail_says_by_its_headers_whose_it_is(desk: Desk, sent: Invited, header: str) -> None:
    address = await return_address(desk, sent.deliveries["url"].id)
    content = f"{header}: <{address}>\r\n".encode() + report()
    assert await bounces.delivery_for_mail(desk, content) == sent.deliveries["url"].id
    forged = f"{header}: bounce+{'0' * 32}.{'0' * 20}@bounce.example.test, {address}\r\n".encode() + report()
    assert await bounces.delivery_for_mail(desk, forged) == sent.deliveries["url"].id
    for other in (f"Subject: {address}\r\n".encode() + report(), report() + f"\r\n{header}: {address}".encode()):
        with pytest.raises(bounces.UnknownReturnAddress):
            await bounces.delivery_for_mail(desk, other)
