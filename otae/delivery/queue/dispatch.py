"""Preparing a claimed message to be sent: through a server of its channel, or to the catcher."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.delivery.catcher import MailCatcher, TextCatcher
from otae.delivery.mail.bounces import return_addresses
from otae.delivery.mail.smtp import SmtpTransport, smtp_transport
from otae.delivery.mail.smtp_pool import SmtpPool
from otae.delivery.queue.outcomes import Claimed
from otae.delivery.servers import servers_in_order
from otae.delivery.sms.sender import CARRIER, CarrierTransport, TextTransport, gateway_transport
from otae.delivery.texts.compose import MessageData, load_message_data
from otae.delivery.transport import BeforeEnd, Receipt
from otae.store.desk import Desk
from otae.store.models import NotificationServer

MAIL: Final = "mail"
SMS: Final = "sms"
#: A delivery's channel → the kind of server that it goes out through.
KINDS: Final[Mapping[str, str]] = {MAIL: "smtp", SMS: "sms"}


@dataclass(frozen=True)
class PreparedMessage:
    """One message bound to one transport. ``name``: the transport's in the timeline; ``send`` composes and sends."""

    name: str
    send: Callable[[BeforeEnd], Awaitable[Receipt]]


@dataclass(frozen=True, repr=False)
class BatchData:
    """What a batch of claimed messages is sent with, read once for all of them. ``addresses``: return addresses."""

    desk: Desk
    message_data: MessageData
    addresses: Mapping[UUID, str]


async def load_batch_data(desk: Desk, claimed: Sequence[Claimed], now: datetime) -> BatchData:
    """Read what the messages of ``claimed`` are composed from, and their return addresses."""
    message_data = await load_message_data(desk, [(each.row, each.invitation) for each in claimed], now)
    return BatchData(desk, message_data, await return_addresses(desk, [each.row.id for each in claimed]))


async def servers_for(desk: Desk, channel: str) -> list[NotificationServer]:
    """Return the servers for ``channel`` in the order to try; those that were unreachable a moment ago come last."""
    pool = desk.resources.get(SmtpPool)
    return sorted(await servers_in_order(KINDS[channel]), key=lambda server: pool.is_avoided(server.name))


def transport_name(channel: str, server: NotificationServer | None) -> str:
    """Return the timeline's name for ``server``, or for the catcher when it is None."""
    if server is None:
        return TextCatcher.name if channel == SMS else MailCatcher.name
    return server.name if channel == SMS else server.host


async def prepare(
    data: BatchData, claimed: Claimed, server: NotificationServer | None, now: datetime
) -> PreparedMessage:
    """Return a message bound to ``server``, or to the catcher when it is None."""
    row, invitation = claimed.row, claimed.invitation
    if row.channel == SMS:
        texts: TextTransport | TextCatcher = TextCatcher(data.desk, now, invitation.rehearsal)
        if server:
            texts = await _text_transport(data, claimed, server, now)

        async def send_text(before_end: BeforeEnd) -> Receipt:
            return await texts.send(data.message_data.sms(row, invitation), row.recipient, before_end)

        return PreparedMessage(texts.name, send_text)
    mails: SmtpTransport | MailCatcher = MailCatcher(data.desk, now, invitation.rehearsal)
    if server:
        mails = smtp_transport(data.desk, server, sender=data.addresses.get(row.id))

    async def send_mail(before_end: BeforeEnd) -> Receipt:
        mail = data.message_data.mail(row, invitation, now=now, server=server)
        return await mails.send(mail, row.recipient, before_end)

    return PreparedMessage(mails.name, send_mail)


async def _text_transport(
    data: BatchData, claimed: Claimed, server: NotificationServer, now: datetime
) -> TextTransport:
    if server.gateway != CARRIER:
        return gateway_transport(data.desk, server)
    mail = await servers_for(data.desk, MAIL)
    return CarrierTransport(
        data.desk,
        server.name,
        claimed.invitation.carrier or str(server.options.get("carrier", "")),
        mail[0] if mail else None,
        f"<{claimed.row.message_id}@{data.desk.settings.public_host}>",
        now,
        sender=data.addresses.get(claimed.row.id),
    )
