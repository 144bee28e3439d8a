"""Building mails (RFC 5322, MIME) that no value can add a header or a recipient to.

Python's own mail classes turn encoded words in a display name back into line breaks in some versions (CVE-2024-6923)
and take a hundred times as long. So the header is written here, from checked values, and the finished bytes are
verified: exactly the expected headers, exactly one recipient.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from otae.errors import OtaeError
from otae.text import cleaned_line, why_refused

#: Longest text of a header, in characters.
MAX_HEADER_TEXT = 300
#: Longest header line that can be folded, without its line end.
LINE: Final = 76
#: A plain address: no quoting, no comments, no groups, nothing beyond ASCII.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
#: Text that needs no encoding in a header.
_VISIBLE = re.compile(r"[ -~]*")
#: A display name that needs no quotes: words of atoms (RFC 5322 §3.2.3).
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
#: Bytes of text in one encoded word, which must not exceed 75 characters (RFC 2047 §2).
_WORD: Final = 42
_HEADERS = (b"Subject", b"From", b"To", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version", b"Content-Type")
#: The address at which the HTML of a mail shows the logo that goes along (RFC 2392).
LOGO_ADDRESS: Final = "cid:logo@otae"
_ENCODING = b"Content-Transfer-Encoding"
#: A line of a finished header: name and value, or the continuation of the value before.
_HEADER_LINE = re.compile(rb"(?:([A-Za-z-]+):)? [!-~][ -~]*")


class MessageRefused(OtaeError):
    """A mail cannot be built from these values; the text names the value and the reason."""


@dataclass(frozen=True)
class Mail:
    """A finished mail to one recipient. ``subject``: as people read it; ``content``: its bytes, lines end in CRLF."""

    subject: str
    content: bytes = b""

    def __repr__(self) -> str:
        return f"<Mail of {len(self.content)} bytes>"


def one_line(value: str) -> str:
    """Return entered text as one line that is safe in a header or a message.

    As `text.cleaned_line`, with single spaces; "=?" is broken up so that no mail program decodes it.
    """
    return " ".join(cleaned_line(value).replace("=?", "= ?").split())


def check_header(text: str, what: str) -> None:
    """Raise MessageRefused when ``text`` is not allowed in a header; ``what`` names it in the refusal."""
    if not text.strip() or len(text) > MAX_HEADER_TEXT:
        raise MessageRefused(f"{what}: use 1 to {MAX_HEADER_TEXT} characters")
    if why := why_refused(text):
        raise MessageRefused(f"{what}: {why}")
    if "=?" in text:
        raise MessageRefused(f"{what}: holds =?, which mail programs would decode")


def short_line(text: str, length: int) -> bool:
    """Return whether ``text`` is one line of at most ``length`` characters, none of them invisible or reordering."""
    return len(text) <= length and not why_refused(text)


def check_address(text: str, what: str) -> None:
    """Raise MessageRefused, about ``what``, when ``text`` is no plain mail address (RFC 5321, unquoted)."""
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
    logo: bytes | None = None,
) -> Mail:
    """Build a mail to one recipient.

    Args:
        sender: Name and address.
        html: The HTML alternative; None for a mail of text alone.
        message_id: With its angle brackets.
        logo: A PNG file that goes along where ``html`` shows it at the address LOGO_ADDRESS.

    Raises:
        MessageRefused: A value is not allowed in its header.
    """
    check_header(sender[0], "sender's name")
    check_address(sender[1], "sender's address")
    check_address(recipient, "recipient's address")
    check_header(subject, "subject")
    lines = [
        f"Subject: {_header_text(subject, len('Subject: '))}",
        f"From: {_mailbox(*sender)}",
        f"To: {recipient}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ]
    if html is None:
        content = _part("plain", text, lines)
    else:
        page = _part("html", html)
        if logo and LOGO_ADDRESS in html:
            page = _multipart('multipart/related; type="text/html"', [page, _logo_part(logo)])
        content = _multipart("multipart/alternative", [_part("plain", text), page], lines)
    _verify_header(content, sender[1], recipient, expected=_HEADERS if html is not None else (*_HEADERS, _ENCODING))
    return Mail(subject, content)


def with_logo(html: str, logo: bytes | None) -> str:
    """Return ``html`` of a mail for a browser: with the logo as data in it, not as another part of the mail."""
    return html.replace(LOGO_ADDRESS, f"data:image/png;base64,{base64.b64encode(logo).decode()}") if logo else html


def _multipart(kind: str, parts: Sequence[bytes], lines: Sequence[str] = ()) -> bytes:
    """Return ``parts`` as one, its header beginning with ``lines``."""
    mark = f"=_{secrets.token_hex(12)}"  # "=_" stands nowhere in quoted-printable or base64 text
    between = f"--{mark}\r\n".encode()
    head = _ascii([*lines, f'Content-Type: {kind};\r\n boundary="{mark}"'])
    return head + b"\r\n\r\n" + b"".join(between + part + b"\r\n" for part in parts) + f"--{mark}--\r\n".encode()


def _logo_part(image: bytes) -> bytes:
    """Return the part of a mail with a picture that its HTML shows.

    Mail programs show such a picture at once; before they load one from the network, they ask.
    """
    head = [
        "Content-Type: image/png",
        "Content-Transfer-Encoding: base64",
        f"Content-ID: <{LOGO_ADDRESS.removeprefix('cid:')}>",
        'Content-Disposition: inline; filename="logo.png"',
    ]
    return _ascii(head) + b"\r\n\r\n" + base64.encodebytes(image).replace(b"\n", b"\r\n")


def _part(kind: str, text: str, lines: Sequence[str] = ()) -> bytes:
    """Return a text part in quoted-printable, its header beginning with ``lines``."""
    head = [*lines, f'Content-Type: text/{kind}; charset="utf-8"', "Content-Transfer-Encoding: quoted-printable"]
    body = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").replace("\n", "\r\n") + "\r\n"
    return _ascii(head) + b"\r\n\r\n" + binascii.b2a_qp(body.encode("utf-8", "replace"))


def _ascii(lines: Sequence[str]) -> bytes:
    return "\r\n".join(lines).encode("ascii", "replace")


def _mailbox(name: str, address: str) -> str:
    """Return display name and address, the name as atoms, quoted or as encoded words."""
    shown = name
    if not _ATOMS.fullmatch(name):
        shown = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    shown = _encoded(name) if not _VISIBLE.fullmatch(name) or len(shown) > LINE - len("From: ") else shown
    space = LINE - len("From:  <>") - (len(shown) - shown.rfind("\n") - 1)
    return f"{shown} <{address}>" if len(address) <= space else f"{shown}\r\n <{address}>"


def _header_text(text: str, used: int) -> str:
    """Return ``text`` as it is if it fits a header line after ``used`` characters, else as encoded words."""
    plain = _VISIBLE.fullmatch(text) and text == text.strip() and used + len(text) <= LINE
    return text if plain else _encoded(text)


def _encoded(text: str) -> str:
    """Return ``text`` as encoded words (RFC 2047), one a line, each of whole characters."""
    words: list[bytes] = []
    word = b""
    for one in (each.encode() for each in text):
        if len(word) + len(one) > _WORD:
            words, word = [*words, word], b""
        word += one
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(each).decode()}?=" for each in (*words, word))


def _verify_header(content: bytes, sender: str, recipient: str, *, expected: Sequence[bytes]) -> None:
    """Raise MessageRefused unless the finished header holds exactly the expected headers, sender and recipient."""
    lines = content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    read = [_HEADER_LINE.fullmatch(line) for line in lines]
    names = [match[1] for match in read if match is not None and match[1] is not None]
    to, mailbox = f"To: {recipient}".encode(), f"<{sender}>".encode()
    fits = None not in read and tuple(names) == expected and to in lines
    if not fits or not lines[lines.index(to) - 1].endswith(mailbox):
        raise MessageRefused("the finished message does not read as it was written")
