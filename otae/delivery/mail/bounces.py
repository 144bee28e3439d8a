"""Bounces: return addresses, each signed for one delivery, and the reports (RFC 3464) that arrive there."""

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

from otae.delivery.queue.outcomes import record_bounced
from otae.delivery.transport import plain
from otae.errors import OtaeError, StaleState
from otae.store import properties
from otae.store.desk import Desk
from otae.store.keyring import installation_secret
from otae.store.models import Delivery

#: Most parts of a report that are read, nested parts, bytes and lines. The status comes before the returned mail, which
#: may be large, or made to keep a parser busy.
PARTS, NESTED, MAX_BYTES, LINES = 50, 20, 512 * 1024, 20_000
#: Most bytes that are searched for the headers of a mail.
HEADERS = 64 * 1024
#: Content types of a delivery status (RFC 3464; RFC 6533 for addresses beyond ASCII).
STATUSES = frozenset({"message/delivery-status", "message/global-delivery-status"})
#: Headers that hold the address at which a mail arrived, and most addresses in them that are checked.
RECIPIENT_HEADERS, ADDRESSES = ("Delivered-To", "X-Original-To", "Envelope-To", "To"), 20
_ADDRESS = re.compile(r"bounce\+([0-9a-f]{32})\.([0-9a-f]{20})@([^@]+)", re.IGNORECASE)
_HOLDS_MORE = re.compile(rb"(?:^|[\r\n])content-type:\s*(?:multipart|message)/", re.IGNORECASE)
_LINE_END = re.compile(rb"\r\n?|\n")
_EMPTY_LINE = re.compile(rb"(?:\r\n[ \t]*\r\n|\n[ \t]*\n|\r[ \t]*\r)+")
_ADDRESS_ANYWHERE = re.compile(r"bounce\+[0-9a-f]{32}\.[0-9a-f]{20}@[a-z0-9.-]{1,253}", re.IGNORECASE)


class UnknownReturnAddress(OtaeError):
    """This installation has signed no such return address."""


class TooEarly(OtaeError):
    """The delivery is still being sent: the report has to be delivered again later."""


@dataclass(frozen=True)
class Report:
    """The report of a failed delivery. ``status``: such as 5.1.1 (RFC 3463); ``words``: the remote server's answer."""

    status: str
    words: str


async def return_addresses(desk: Desk, delivery_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the return address of each delivery; no addresses while the property mail.bounce.domain is empty."""
    domain = await properties.word("mail.bounce.domain")
    if not domain:
        return {}
    secret = await installation_secret(desk.vault, "pepper")
    return {each: f"bounce+{each.hex}.{_signed(secret, each)}@{domain}" for each in delivery_ids}


async def delivery_for_address(desk: Desk, address: str) -> UUID:
    """Return the delivery that a return address was signed for, in any domain; or raise UnknownReturnAddress."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise UnknownReturnAddress
    delivery_id = UUID(found[1])
    secret = await installation_secret(desk.vault, "pepper")
    if not hmac.compare_digest(found[2].lower(), _signed(secret, delivery_id)):
        raise UnknownReturnAddress
    return delivery_id


async def delivery_for_mail(desk: Desk, content: bytes) -> UUID:
    """Return the id of the delivery to whose return address a mail came; or raise UnknownReturnAddress."""
    headers = BytesHeaderParser(policy=policy.compat32).parsebytes(content[:HEADERS])
    arrived = (str(value) for name in RECIPIENT_HEADERS for value in headers.get_all(name, []))
    for address in islice((found[0] for value in arrived for found in _ADDRESS_ANYWHERE.finditer(value)), ADDRESSES):
        with contextlib.suppress(UnknownReturnAddress):
            return await delivery_for_address(desk, address)
    raise UnknownReturnAddress


async def process_report(delivery_id: UUID, content: bytes, *, now: datetime) -> None:
    """Process a mail to the return address of ``delivery_id``; a failure report marks the delivery bounced.

    Any other mail (a delay, an absence notice) changes nothing. Raises TooEarly when the delivery is not known to be
    sent yet; the sender of the report tries again.
    """
    report = await asyncio.to_thread(parse_report, content)
    row = await Delivery.get_or_none(id=delivery_id).select_related("invitation")
    if report is None or row is None:
        return
    if row.status == "sending":
        raise TooEarly
    if row.status != "sent":
        return
    try:
        await record_bounced(row, row.invitation, f"{report.status} {report.words}".strip(), now)
    except StaleState:
        return  # the same report came twice at once


def parse_report(content: bytes) -> Report | None:
    """Parse a failure report; None when the mail is none.

    Some servers do not label the mail as multipart/report; then only its own parts are read, not those of a mail that
    is attached to it.
    """
    message = BytesParser(policy=policy.compat32).parsebytes(_head(content))
    payload = message.get_payload()
    parts = message.walk() if message.get_content_type() == "multipart/report" else payload
    if message.get_content_maintype() != "multipart" or isinstance(parts, str):
        return None
    for part in islice(parts, PARTS):
        if part.get_content_type() in STATUSES:
            return _failure(part)
    return None


def _head(content: bytes) -> bytes:
    """Return the start of a mail, bounded in bytes, lines and nested parts, so that parsing it is quick."""
    head = content[:MAX_BYTES]
    for ends, most in ((_HOLDS_MORE, NESTED), (_LINE_END, LINES)):
        if found := next(islice(ends.finditer(head), most, None), None):
            head = head[: found.start()]
    return head


def _failure(part: Message) -> Report | None:
    """Return the report of the first failed recipient in a delivery status (RFC 3464 §2), None without one."""
    for block in islice(_blocks(part), PARTS):
        if _value(block, "Action").partition("(")[0].strip().lower() == "failed":
            diagnostic = _value(block, "Diagnostic-Code").partition(";")[2]
            status = re.fullmatch(r"\s*([245]\.\d{1,3}\.\d{1,3}).*", _value(block, "Status"), re.DOTALL)
            return Report(status[1] if status else "", plain(diagnostic))
    return None


def _blocks(part: Message) -> Iterator[Message]:
    """Yield the blocks of headers of a delivery status: one for the message, then one for each recipient.

    Python's parser splits message/delivery-status into them, but not message/global-delivery-status (RFC 6533).
    """
    payload = part.get_payload()
    inside = [each.as_bytes() for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []
    text = Message()
    text["Content-Transfer-Encoding"] = str(part.get("Content-Transfer-Encoding", ""))
    text.set_payload(b"\n\n".join(inside).decode("ascii", "surrogateescape"))
    decoded = text.get_payload(decode=True)
    for block in _EMPTY_LINE.split(decoded.strip() if isinstance(decoded, bytes) else b""):
        yield BytesHeaderParser(policy=policy.compat32).parsebytes(block.lstrip())


def _value(block: Message, name: str) -> str:
    """Return the value of a header, decoded as UTF-8 where it is valid; "" without it."""
    for key, value in block.raw_items():
        if key.lower() == name.lower():
            return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return ""


def _signed(secret: bytes, delivery_id: UUID) -> str:
    return hmac.new(secret, b"return address:" + delivery_id.bytes, hashlib.sha256).hexdigest()[:20]
