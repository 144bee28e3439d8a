"""The one place that builds a mail, so that no name and no text ever becomes a header or a recipient of its own.

The interpreter is not trusted with it (CVE-2024-6923: up to CPython 3.11.9 a line break inside an encoded word was
written out as a new header line). Texts for headers are refused when they hold what could break out, and the finished
bytes are read again: exactly the headers that were asked for, exactly one recipient.
"""

import re
import unicodedata
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import format_datetime

from otae.errors import OtaeError

#: Longest text of a header.
LONGEST = 300
#: A plain address: no quoting, no comments, no groups, nothing beyond ASCII.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
#: Control characters, line and paragraph separators, lone surrogates.
_BREAKING = frozenset({"Cc", "Zl", "Zp", "Cs"})
#: Characters that turn the direction of what follows: they make one name look like another.
_TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)))
_HEADERS = ["auto-submitted", "content-type", "date", "from", "message-id", "mime-version", "subject", "to"]


class MessageRefused(OtaeError):
    """A mail cannot be built from these values; the text says which one and why."""


def one_line(value: str) -> str:
    """Return what somebody is called, or entered, as one line that is safe to put into a header or a message.

    Breaks become a space, characters that turn the direction go, and "=?" loses its meaning. Joiners stay: names and
    emoji need them.
    """
    kept = (" " if unicodedata.category(one) in _BREAKING else one for one in value if one not in _TURNING)
    return " ".join("".join(kept).replace("=?", "= ?").split())


def check_header(text: str, what: str) -> None:
    """Raise MessageRefused when ``text`` may not stand in a header; ``what`` names it."""
    if not text.strip() or len(text) > LONGEST:
        raise MessageRefused(f"{what}: use 1 to {LONGEST} characters")
    if any(unicodedata.category(one) in _BREAKING or one in _TURNING for one in text):
        raise MessageRefused(f"{what}: holds a control character or a line break")
    if "=?" in text:
        raise MessageRefused(f"{what}: holds =?, which mail programs would decode")


def check_address(text: str, what: str) -> None:
    """Raise MessageRefused when ``text`` is no plain mail address, as RFC 5321 writes one without quoting."""
    if not _ADDRESS.fullmatch(text) or ".." in text or text.startswith(".") or ".@" in text or "@." in text:
        raise MessageRefused(f"{what}: is no plain mail address")


def build(
    *,
    sender: tuple[str, str],
    recipient: str,
    subject: str,
    text: str,
    html: str | None,
    message_id: str,
    now: datetime,
) -> EmailMessage:
    """Return a mail to one recipient. ``sender``: name and address; ``message_id`` with its angle brackets.

    Raises MessageRefused when a value may not stand where it would have to.
    """
    check_header(sender[0], "sender's name")
    check_address(sender[1], "sender's address")
    check_address(recipient, "recipient's address")
    check_header(subject, "subject")
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = subject
    message["From"] = Address(sender[0], addr_spec=sender[1])
    message["To"] = Address(addr_spec=recipient)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    if html is not None:
        message.add_alternative(html, subtype="html", cte="quoted-printable")
    _read_again(message, sender[1], recipient)
    return message


def _read_again(message: EmailMessage, sender: str, recipient: str) -> None:
    again = BytesHeaderParser(policy=policy.SMTP).parsebytes(message.as_bytes())
    names = sorted(name.lower() for name in again)
    expected = _HEADERS if message.is_multipart() else sorted([*_HEADERS, "content-transfer-encoding"])
    people = [(header, one.addr_spec) for header in ("From", "To") for one in again[header].addresses]
    if names != expected or people != [("From", sender), ("To", recipient)]:
        raise MessageRefused("the finished message does not read as it was written")
