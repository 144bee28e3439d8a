"""Mail that comes back: a return address signed for one delivery, and the report (RFC 3464) that arrives there."""

import asyncio
import contextlib
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from itertools import islice
from uuid import UUID

from otae.delivery.queue.outcomes import bounced
from otae.delivery.transport import plain
from otae.errors import OtaeError, StaleState
from otae.store import properties
from otae.store.desk import Desk
from otae.store.keyring import installation_secret
from otae.store.models import Delivery

#: Most parts of a report that are looked at, and most parts that may hold others, bytes and lines that are read: what a
#: report says comes before what it brings back, which may be large, or made to keep a reader busy.
PARTS, NESTED, LOOKED_AT, LINES = 50, 20, 512 * 1024, 20_000
#: Most bytes of the headers that say where a mail arrived.
HEADERS = 64 * 1024
#: What the part is called that says what became of a message (RFC 3464, and RFC 6533 for addresses beyond ASCII).
STATUSES = frozenset({"message/delivery-status", "message/global-delivery-status"})
#: Headers in which a mail server says where a mail arrived, and most addresses in them that are looked at.
ARRIVED, ADDRESSES = ("Delivered-To", "X-Original-To", "Envelope-To", "To"), 20
_ADDRESS = re.compile(r"bounce\+([0-9a-f]{32})\.([0-9a-f]{20})@([^@]+)", re.IGNORECASE)
_HOLDS_MORE = re.compile(rb"(?:^|[\r\n])content-type:\s*(?:multipart|message)/", re.IGNORECASE)
_LINE_END = re.compile(rb"\r\n?|\n")
_EMPTY_LINE = re.compile(rb"(?:\r\n[ \t]*\r\n|\n[ \t]*\n|\r[ \t]*\r)+")
_ANYWHERE = re.compile(r"bounce\+[0-9a-f]{32}\.[0-9a-f]{20}@[a-z0-9.-]{1,253}", re.IGNORECASE)


class NoSuchAddress(OtaeError):
    """This house has signed no such return address."""


class TooEarly(OtaeError):
    """The message it is about is still being sent: the report has to come again later."""


@dataclass(frozen=True)
class Report:
    """That a message was not delivered. ``status``: such as 5.1.1 (RFC 3463); ``words``: what the server there said."""

    status: str
    words: str


async def return_addresses(desk: Desk, delivery_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return where mail of each of these deliveries comes back to; empty while mail.bounce.domain is."""
    domain = await properties.word("mail.bounce.domain")
    if not domain:
        return {}
    secret = await installation_secret(desk.vault, "pepper")
    return {each: f"bounce+{each.hex}.{_signed(secret, each)}@{domain}" for each in delivery_ids}


async def delivery_of(desk: Desk, address: str) -> UUID:
    """Return the delivery that a return address was signed for; NoSuchAddress when it was not, whatever its domain."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise NoSuchAddress
    delivery_id = UUID(found[1])
    if not hmac.compare_digest(found[2].lower(), await _signature(desk, delivery_id)):
        raise NoSuchAddress
    return delivery_id


async def delivery_in(desk: Desk, content: bytes) -> UUID:
    """Return the delivery to whose return address a whole mail came, by its headers; NoSuchAddress when to none."""
    headers = BytesHeaderParser(policy=policy.compat32).parsebytes(content[:HEADERS])
    arrived = (str(value) for name in ARRIVED for value in headers.get_all(name, []))
    for address in islice((found[0] for value in arrived for found in _ANYWHERE.finditer(value)), ADDRESSES):
        with contextlib.suppress(NoSuchAddress):
            return await delivery_of(desk, address)
    raise NoSuchAddress


async def take(delivery_id: UUID, content: bytes, *, now: datetime) -> None:
    """Take a mail that came to the return address of ``delivery_id``; a report of failure marks it bounced.

    What is no such report (a delay, somebody's absence) changes nothing. Raises TooEarly while the delivery is not
    known to be sent: the sender of the report tries again.
    """
    report = await asyncio.to_thread(read, content)
    row = await Delivery.get_or_none(id=delivery_id).select_related("invitation")
    if report is None or row is None:
        return
    if row.status == "sending":
        raise TooEarly
    if row.status != "sent":
        return
    try:
        await bounced(row, row.invitation, f"{report.status} {report.words}".strip(), now)
    except StaleState:
        return  # the same report came twice at once


def read(content: bytes) -> Report | None:
    """Return what a mail says about a message that failed; None when it is no report of failure.

    Some servers call the whole no report; of such a mail its own parts are looked at, and none of a mail inside it.
    """
    message = BytesParser(policy=policy.compat32).parsebytes(_head(content))
    held = message.get_payload()
    parts = message.walk() if message.get_content_type() == "multipart/report" else held
    if message.get_content_maintype() != "multipart" or isinstance(parts, str):
        return None
    for part in islice(parts, PARTS):
        if part.get_content_type() in STATUSES:
            return _failure(part)
    return None


def _head(content: bytes) -> bytes:
    """Return the part of a mail that is read: neither so long nor so deep that reading it would take long."""
    head = content[:LOOKED_AT]
    for ends, most in ((_HOLDS_MORE, NESTED), (_LINE_END, LINES)):
        if found := next(islice(ends.finditer(head), most, None), None):
            head = head[: found.start()]
    return head


def _failure(part: Message) -> Report | None:
    """Find the first recipient that failed: the block about the message comes first, then one for each recipient."""
    for block in islice(_blocks(part), PARTS):
        if _value(block, "Action").partition("(")[0].strip().lower() == "failed":
            diagnostic = _value(block, "Diagnostic-Code").partition(";")[2]
            status = re.fullmatch(r"\s*([245]\.\d{1,3}\.\d{1,3}).*", _value(block, "Status"), re.DOTALL)
            return Report(status[1] if status else "", plain(diagnostic))
    return None


def _blocks(part: Message) -> Iterator[Message]:
    """Give the blocks of headers of a status, which the parser takes apart in one of the two kinds alone."""
    held = part.get_payload()
    inside = [each.as_bytes() for each in held if isinstance(each, Message)] if isinstance(held, list) else []
    text = Message()
    text["Content-Transfer-Encoding"] = str(part.get("Content-Transfer-Encoding", ""))
    text.set_payload(b"\n\n".join(inside).decode("ascii", "surrogateescape"))
    decoded = text.get_payload(decode=True)
    for block in _EMPTY_LINE.split(decoded.strip() if isinstance(decoded, bytes) else b""):
        yield BytesHeaderParser(policy=policy.compat32).parsebytes(block.lstrip())


def _value(block: Message, name: str) -> str:
    """Return a header, "" without it, as UTF-8 where it is that."""
    for key, value in block.raw_items():
        if key.lower() == name.lower():
            return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return ""


async def _signature(desk: Desk, delivery_id: UUID) -> str:
    return _signed(await installation_secret(desk.vault, "pepper"), delivery_id)


def _signed(secret: bytes, delivery_id: UUID) -> str:
    return hmac.new(secret, b"return address:" + delivery_id.bytes, hashlib.sha256).hexdigest()[:20]
