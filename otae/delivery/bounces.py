"""Mail that comes back: a return address signed for one delivery, and the report (RFC 3464) that arrives there."""

import asyncio
import contextlib
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from itertools import islice
from uuid import UUID

from otae.delivery.outcomes import bounced
from otae.delivery.transport import plain
from otae.errors import OtaeError, StaleState
from otae.store import properties
from otae.store.desk import Desk
from otae.store.keyring import installation_secret
from otae.store.models import Delivery

#: Most parts of a report that are looked at, most parts within parts, and most bytes: what a report says comes first,
#: and what it brings back behind it may be large, or made to keep a reader busy.
PARTS, NESTED, LOOKED_AT = 50, 30, 64 * 1024
#: Headers in which a mail server says where a mail arrived, and most addresses in them that are looked at.
ARRIVED, ADDRESSES = ("Delivered-To", "X-Original-To", "Envelope-To", "To"), 20
_ADDRESS = re.compile(r"bounce\+([0-9a-f]{32})\.([0-9a-f]{20})@([^@]+)", re.IGNORECASE)
_HOLDS_MORE = re.compile(rb"(?:multipart|message)/", re.IGNORECASE)
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


async def return_address(desk: Desk, delivery_id: UUID) -> str | None:
    """Return where mail of this delivery comes back to; None while the server property mail.bounce.domain is empty."""
    return (await return_addresses(desk, [delivery_id])).get(delivery_id)


async def return_addresses(desk: Desk, delivery_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return where mail of each of these deliveries comes back to; empty while the server property is."""
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
    headers = BytesHeaderParser(policy=policy.compat32).parsebytes(content[:LOOKED_AT])
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
    """Return what a mail says about a message that failed; None when it is no report of failure."""
    head = content[:LOOKED_AT]
    if len(_HOLDS_MORE.findall(head)) > NESTED:
        return None  # no mail server writes that, and reading it would go as deep
    message = BytesParser(policy=policy.compat32).parsebytes(head)
    if message.get_content_type() != "multipart/report":
        return None
    for part in islice(message.walk(), PARTS):
        if part.get_content_type() == "message/delivery-status":
            return _failure(part)
    return None


def _failure(part: Message) -> Report | None:
    """Find the first recipient that failed: the block about the message comes first, then one for each recipient."""
    blocks = part.get_payload()
    for block in blocks[:PARTS] if isinstance(blocks, list) else []:
        if isinstance(block, Message) and str(block.get("Action", "")).strip().lower() == "failed":
            diagnostic = str(block.get("Diagnostic-Code", "")).partition(";")[2]
            status = re.fullmatch(r"\s*([245]\.\d{1,3}\.\d{1,3}).*", str(block.get("Status", "")), re.DOTALL)
            return Report(status[1] if status else "", plain(diagnostic))
    return None


async def _signature(desk: Desk, delivery_id: UUID) -> str:
    return _signed(await installation_secret(desk.vault, "pepper"), delivery_id)


def _signed(secret: bytes, delivery_id: UUID) -> str:
    return hmac.new(secret, b"return address:" + delivery_id.bytes, hashlib.sha256).hexdigest()[:20]
