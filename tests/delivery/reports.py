"""Reports of mail servers about mail that did not arrive."""

from uuid import UUID

from otae.delivery.mail import bounces
from otae.store.desk import Desk


async def return_address(desk: Desk, delivery_id: UUID) -> str | None:
    """Give where mail of a delivery comes back to."""
    return (await bounces.return_addresses(desk, [delivery_id])).get(delivery_id)


def report(action: str = "failed", diagnostic: str = "smtp; 550 5.1.1 nobody here", status: str = "5.1.1") -> bytes:
    """Write a delivery status notification as mail servers do."""
    return f"""From: MAILER-DAEMON@mail.example.test
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.test

Final-Recipient: rfc822; ben@example.test
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

--b
Content-Type: text/rfc822-headers

Subject: otae: enroll your Mac
--b--
""".replace("\n", "\r\n").encode()
