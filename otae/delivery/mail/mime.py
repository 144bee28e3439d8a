"""Building a mail that is exactly what it should be, whatever people are called and whichever Python runs this.

The interpreter's own mail classes turn encoded words in a display name back into line breaks in some versions
(CVE-2024-6923) and take a hundred times as long, so the header is written here, from values that may stand in one, and
the finished bytes are looked at once more: exactly the headers that were asked for, exactly one recipient.
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

#: Longest text of a header.
LONGEST = 300
#: Longest line of a header that is not one long word, without its end.
LINE: Final = 76
#: A plain address: no quoting, no comments, no groups, nothing beyond ASCII.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
#: What may stand in a header as it is.
_VISIBLE = re.compile(r"[ -~]*")
#: A display name that needs no quotes: words of atoms (RFC 5322 §3.2.3).
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
#: Bytes of text in one encoded word: it stays under 75 characters (RFC 2047 §2).
_WORD: Final = 42
_HEADERS = (b"Subject", b"From", b"To", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version", b"Content-Type")
_ENCODING = b"Content-Transfer-Encoding"
#: A line of a finished header: a name and what it says, or more of what the line before says.
_HEADER_LINE = re.compile(rb"(?:([A-Za-z-]+):)? [!-~][ -~]*")


class MessageRefused(OtaeError):
    """A mail cannot be built from these values; the text says which one and why."""


@dataclass(frozen=True)
class Mail:
    """A finished mail to one recipient. ``subject``: as it reads; ``content``: its bytes, lines ending in CRLF."""

    subject: str
    content: bytes = b""

    def __repr__(self) -> str:
        return f"<Mail of {len(self.content)} bytes>"


def one_line(value: str) -> str:
    """Return what somebody is called, or entered, as one line that is safe to put into a header or a message.

    As `cleaned_line`, with single spaces; "=?" loses its meaning.
    """
    return " ".join(cleaned_line(value).replace("=?", "= ?").split())


def check_header(text: str, what: str) -> None:
    """Raise MessageRefused when ``text`` may not stand in a header; ``what`` names it."""
    if not text.strip() or len(text) > LONGEST:
        raise MessageRefused(f"{what}: use 1 to {LONGEST} characters")
    if why := why_refused(text):
        raise MessageRefused(f"{what}: {why}")
    if "=?" in text:
        raise MessageRefused(f"{what}: holds =?, which mail programs would decode")


def short_line(text: str, length: int) -> bool:
    """Tell whether ``text`` is one line of at most ``length`` characters that hides and turns nothing."""
    return len(text) <= length and not why_refused(text)


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
) -> Mail:
    """Return a mail to one recipient. ``sender``: name and address; ``message_id`` with its angle brackets.

    Raises MessageRefused when a value may not stand where it would have to.
    """
    check_header(sender[0], "sender's name")
    check_address(sender[1], "sender's address")
    check_address(recipient, "recipient's address")
    check_header(subject, "subject")
    lines = [
        f"Subject: {_words(subject, len('Subject: '))}",
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
        mark = f"=_{secrets.token_hex(12)}"  # "=_" stands nowhere in quoted-printable text
        between = f"--{mark}\r\n".encode()
        parts = [between + _part(kind, said) + b"\r\n" for kind, said in (("plain", text), ("html", html))]
        lines.append(f'Content-Type: multipart/alternative; boundary="{mark}"')
        content = _ascii(lines) + b"\r\n".join((b"", b"", b"".join(parts) + f"--{mark}--".encode(), b""))
    _look_again(content, sender[1], recipient, expected=_HEADERS if html is not None else (*_HEADERS, _ENCODING))
    return Mail(subject, content)


def _part(kind: str, text: str, lines: Sequence[str] = ()) -> bytes:
    """Return a text in quoted-printable under its header, which begins with ``lines``."""
    head = [*lines, f'Content-Type: text/{kind}; charset="utf-8"', "Content-Transfer-Encoding: quoted-printable"]
    said = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").replace("\n", "\r\n") + "\r\n"
    return _ascii(head) + b"\r\n\r\n" + binascii.b2a_qp(said.encode("utf-8", "replace"))


def _ascii(lines: Sequence[str]) -> bytes:
    return "\r\n".join(lines).encode("ascii", "replace")


def _mailbox(name: str, address: str) -> str:
    """Return a name as atoms, in quotes or as encoded words, and its address."""
    shown = name
    if not _ATOMS.fullmatch(name):
        shown = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    shown = _encoded(name) if not _VISIBLE.fullmatch(name) or len(shown) > LINE - len("From: ") else shown
    room = LINE - len("From:  <>") - (len(shown) - shown.rfind("\n") - 1)
    return f"{shown} <{address}>" if len(address) <= room else f"{shown}\r\n <{address}>"


def _words(text: str, used: int) -> str:
    """Return ``text`` as it is where it may stand so after ``used`` characters of a line, else as encoded words."""
    plain = _VISIBLE.fullmatch(text) and text == text.strip() and used + len(text) <= LINE
    return text if plain else _encoded(text)


def _encoded(text: str) -> str:
    """Return ``text`` as encoded words (RFC 2047), a line for each, none of which ends within a character."""
    words: list[bytes] = []
    word = b""
    for one in (each.encode() for each in text):
        if len(word) + len(one) > _WORD:
            words, word = [*words, word], b""
        word += one
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(each).decode()}?=" for each in (*words, word))


def _look_again(content: bytes, sender: str, recipient: str, *, expected: Sequence[bytes]) -> None:
    """Raise MessageRefused unless the header reads line by line as it was meant, as a mail server reads it."""
    lines = content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    read = [_HEADER_LINE.fullmatch(line) for line in lines]
    names = [match[1] for match in read if match is not None and match[1] is not None]
    to, mailbox = f"To: {recipient}".encode(), f"<{sender}>".encode()
    fits = None not in read and tuple(names) == expected and to in lines
    if not fits or not lines[lines.index(to) - 1].endswith(mailbox):
        raise MessageRefused("the finished message does not read as it was written")
