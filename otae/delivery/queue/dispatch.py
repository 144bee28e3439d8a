"""Which way a message goes out: through a server of its channel, or into the catcher."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.delivery.catcher import Catcher, TextCatcher
from otae.delivery.mail import smtp_pool
from otae.delivery.mail.bounces import return_addresses
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.queue.outcomes import Claimed
from otae.delivery.servers import ways
from otae.delivery.sms.sender import CARRIER, CarrierTransport, TextTransport, gateway_transport
from otae.delivery.texts.compose import Material, gather
from otae.delivery.transport import BeforeEnd, Receipt
from otae.store.desk import Desk
from otae.store.models import NotificationServer

MAIL: Final = "mail"
SMS: Final = "sms"
#: A delivery's channel → the kind of server that it goes out through.
KINDS: Final[Mapping[str, str]] = {MAIL: "smtp", SMS: "sms"}


@dataclass(frozen=True)
class Way:
    """One way for one message. ``name``: what the timeline calls it; ``send``: composes the message and sends it."""

    name: str
    send: Callable[[BeforeEnd], Awaitable[Receipt]]


@dataclass(frozen=True, repr=False)
class Load:
    """What a handful of claimed messages needs to be sent, read once for all of them."""

    desk: Desk
    material: Material
    addresses: Mapping[UUID, str]


async def load(desk: Desk, claimed: Sequence[Claimed], now: datetime) -> Load:
    """Read what ``claimed`` are made from, and where what bounces of them comes back to."""
    material = await gather(desk, [(each.row, each.invitation) for each in claimed], now)
    return Load(desk, material, await return_addresses(desk, [each.row.id for each in claimed]))


async def servers_for(channel: str) -> list[NotificationServer]:
    """Return the servers that a message of ``channel`` may go out through, first those that could be reached lately."""
    return sorted(await ways(KINDS[channel]), key=lambda server: smtp_pool.is_avoided(server.name))


def called(channel: str, server: NotificationServer | None) -> str:
    """Return what the timeline calls the way through ``server``, or into the catcher without one."""
    if server is None:
        return TextCatcher.name if channel == SMS else Catcher.name
    return server.name if channel == SMS else server.host


def by_catcher(load: Load, claimed: Claimed, now: datetime) -> Way:
    """Return the way into the catcher."""
    row, invitation = claimed.row, claimed.invitation
    if row.channel == SMS:
        texts = TextCatcher(load.desk, now, invitation.rehearsal)
        return _by_text(load, claimed, texts)
    mails = Catcher(load.desk, now, invitation.rehearsal)

    async def send(before_end: BeforeEnd) -> Receipt:
        return await mails.send(load.material.mail(row, invitation, now=now), row.recipient, before_end)

    return Way(mails.name, send)


async def by_server(load: Load, claimed: Claimed, server: NotificationServer, now: datetime) -> Way:
    """Return the way through ``server``."""
    row = claimed.row
    if row.channel == SMS:
        return _by_text(load, claimed, await _texts(load, claimed, server, now))
    mails = smtp_transport(load.desk, server, sender=load.addresses.get(row.id))

    async def send(before_end: BeforeEnd) -> Receipt:
        mail = load.material.mail(row, claimed.invitation, now=now, server=server)
        return await mails.send(mail, row.recipient, before_end)

    return Way(mails.name, send)


def _by_text(load: Load, claimed: Claimed, texts: TextTransport | TextCatcher) -> Way:
    async def send(before_end: BeforeEnd) -> Receipt:
        text = load.material.sms(claimed.row, claimed.invitation)
        return await texts.send(text, claimed.row.recipient, before_end)

    return Way(texts.name, send)


async def _texts(load: Load, claimed: Claimed, server: NotificationServer, now: datetime) -> TextTransport:
    if server.gateway != CARRIER:
        return gateway_transport(load.desk, server)
    mail = await servers_for(MAIL)
    return CarrierTransport(
        load.desk,
        server.name,
        claimed.invitation.carrier or str(server.options.get("carrier", "")),
        mail[0] if mail else None,
        f"<{claimed.row.message_id}@{load.desk.settings.public_host}>",
        now,
        sender=load.addresses.get(claimed.row.id),
    )
