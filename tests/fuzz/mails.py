"""Mail that comes back: reports in every form (RFC 3464), and the conversation that brings them (LMTP, RFC 2033)."""

import asyncio
import re
from typing import TYPE_CHECKING, cast
from unittest.mock import patch
from uuid import UUID

from structlog.testing import capture_logs

from otae.delivery.mail import bounces, lmtp
from otae.store import database

if TYPE_CHECKING:
    from otae.store.desk import Desk

DELIVERY = UUID(int=7)
ADDRESS = f"bounce+{DELIVERY.hex}.{'ab' * 10}@bounce.example.test"
STATUS = re.compile(r"(?:[245]\.[0-9]{1,3}\.[0-9]{1,3})?")
#: What a server of LMTP answers is lines of a code and words.
REPLY = re.compile(r"(?:[2-5][0-9]{2}[ -][\x20-\x7e]+\r\n)*")


def read_bounce(data: bytes) -> None:
    """A report has a status of RFC 3463 or none, and words that stand on one line of the timeline."""
    report = bounces.parse_report(data)
    if report is not None:
        assert STATUS.fullmatch(report.status)
        assert report.words.isprintable()
        assert len(report.words) <= 500


def read_lmtp(data: bytes) -> None:
    """Whatever is said to the door, it answers in lines, ends, and takes mails that are whole and not too large."""
    asyncio.run(_talk(data))


async def _talk(data: bytes) -> None:
    taken: list[bytes] = []

    async def take(delivery_id: UUID, content: bytes, **_now: object) -> None:
        assert delivery_id == DELIVERY
        taken.append(content)

    async def delivery_of(_desk: object, address: str) -> UUID:
        if address != ADDRESS:
            raise bounces.UnknownReturnAddress
        return DELIVERY

    async def now() -> None:
        return None

    loop, reader, line = asyncio.get_running_loop(), asyncio.StreamReader(limit=lmtp.MAX_LINE), Line()
    protocol = asyncio.StreamReaderProtocol(reader)
    line.protocol = protocol
    protocol.connection_made(line)
    writer = asyncio.StreamWriter(line, protocol, reader, loop)
    reader.feed_data(data)
    reader.feed_eof()
    with (
        capture_logs(),
        patch.object(bounces, "process_report", take),
        patch.object(bounces, "delivery_for_address", delivery_of),
        patch.object(database, "now", now),
    ):
        await lmtp.LmtpServer(cast("Desk", None)).serve(reader, writer)
    assert REPLY.fullmatch(line.said.decode("ascii"))
    assert line.closed
    assert all(len(mail) <= lmtp.MAX_MAIL for mail in taken)
    assert sum(map(len, taken)) <= len(data) * lmtp.MAX_RECIPIENTS


class Line(asyncio.Transport):
    """The other end of a conversation: keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said, self.closed = b"", False
        self.protocol: asyncio.Protocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += bytes(data)

    def close(self) -> None:
        self.closed = True
        if self.protocol:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self.closed


def reports() -> list[bytes]:
    """Make reports of the kinds there are: failed, delayed, of several people, and mails that are none."""
    made = [report(action, status) for action, status in (("failed", "5.1.1"), ("delayed", "4.4.1"), ("failed", ""))]
    answer = b"From: ben@example.test\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nBack on Monday.\r\n"
    return [*made, made[0].replace(b"--b\r\n", b"--b \r\n"), answer]


def report(action: str, status: str) -> bytes:
    """Write a delivery status notification about two people, as mail servers do."""
    return f"""From: MAILER-DAEMON@mail.example.test
Delivered-To: {ADDRESS}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Sorry =E2=80=93 it did not work.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.test

Final-Recipient: rfc822; cleo@example.test
Action: relayed
Status: 2.0.0

Final-Recipient: rfc822; ben@example.test
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} nobody
 here

--b
Content-Type: message/rfc822

Subject: =?utf-8?q?otae?=

x
--b--
""".replace("\n", "\r\n").encode()


def conversations() -> list[bytes]:
    """Make what mail servers say: one mail, two in one conversation, and one that breaks off."""
    rcpt = f"RCPT TO:<{ADDRESS}>\r\n".encode()
    begin = b"LHLO mail.example.test\r\nMAIL FROM:<> SIZE=900\r\n" + rcpt
    mail = b"DATA\r\nSubject: x\r\n\r\n..stuffed\r\ntext\r\n.\r\n"
    end = b"QUIT\r\n"
    return [
        begin + mail + end,
        begin
        + rcpt
        + mail
        + b"RSET\r\nNOOP\r\n"
        + begin[24:]
        + b"DATA\r\n"
        + report("failed", "5.1.1")
        + b".\r\n"
        + end,
        begin + b"RCPT TO:<somebody@example.test>\r\nDATA\r\nhalf a mail\r\n",
    ]
