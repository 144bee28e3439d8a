"""Which way a message goes out: through a server of its channel, or into the catcher."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otae.delivery import lines
from otae.delivery.bounces import return_address
from otae.delivery.catcher import Catcher, TextCatcher
from otae.delivery.compose import compose, compose_sms
from otae.delivery.outcomes import Claimed
from otae.delivery.servers import ways
from otae.delivery.sms import CARRIER, CarrierTransport, TextTransport, gateway_transport
from otae.delivery.smtp import smtp_transport
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


async def servers_for(channel: str) -> list[NotificationServer]:
    """Return the servers that a message of ``channel`` may go out through, first those that could be reached lately."""
    return sorted(await ways(KINDS[channel]), key=lambda server: lines.is_avoided(server.name))


def by_catcher(desk: Desk, claimed: Claimed, now: datetime) -> Way:
    """Return the way into the catcher."""
    if claimed.row.channel == SMS:
        texts = TextCatcher(desk, now, claimed.invitation.rehearsal)

        async def send_text(before_end: BeforeEnd) -> Receipt:
            text = await compose_sms(desk, claimed.row, now=now)
            return await texts.send(text, claimed.row.recipient, before_end)

        return Way(texts.name, send_text)
    mails = Catcher(desk, now, claimed.invitation.rehearsal)

    async def send(before_end: BeforeEnd) -> Receipt:
        mail = await compose(desk, claimed.row, now=now)
        return await mails.send(mail, claimed.row.recipient, before_end)

    return Way(mails.name, send)


async def by_server(desk: Desk, claimed: Claimed, server: NotificationServer, now: datetime) -> Way:
    """Return the way through ``server``."""
    if claimed.row.channel == SMS:
        texts = await _texts(desk, claimed, server, now)

        async def send_text(before_end: BeforeEnd) -> Receipt:
            text = await compose_sms(desk, claimed.row, now=now)
            return await texts.send(text, claimed.row.recipient, before_end)

        return Way(texts.name, send_text)
    mails = smtp_transport(desk, server, sender=await return_address(desk, claimed.row.id))

    async def send(before_end: BeforeEnd) -> Receipt:
        mail = await compose(desk, claimed.row, now=now, server=server)
        return await mails.send(mail, claimed.row.recipient, before_end)

    return Way(mails.name, send)


async def _texts(desk: Desk, claimed: Claimed, server: NotificationServer, now: datetime) -> TextTransport:
    if server.gateway != CARRIER:
        return gateway_transport(desk, server)
    mail = await servers_for(MAIL)
    return CarrierTransport(
        desk,
        server.name,
        claimed.invitation.carrier or str(server.options.get("carrier", "")),
        mail[0] if mail else None,
        f"<{claimed.row.message_id}@{desk.settings.public_host}>",
        now,
        sender=await return_address(desk, claimed.row.id),
    )
