"""Trying a notification server out: one message, the whole conversation, and what the mail world sees of the sender."""

from datetime import datetime

from otae.delivery.mail.mime import Mail, MessageRefused, build
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.mail.transcript import Conversation, certificate_names
from otae.delivery.sms.sender import CARRIER, CarrierTransport, TextTransport, gateway_transport
from otae.delivery.transport import NotSent
from otae.store.desk import Desk
from otae.store.models import NotificationServer

#: Seconds an answer may take: somebody is watching.
PATIENCE = 10


async def try_out(
    desk: Desk, server: NotificationServer, recipient: str, *, message_id: str, now: datetime
) -> dict[str, object]:
    """Send a test mail through ``server`` on a line of its own and return everything there is to show.

    ``ok``; ``words``: what the server said, or why nothing could be sent; ``tls``: version and cipher, "" in clear;
    ``said``: the conversation, secrets blanked; ``certificate_names``; ``certificate_until``; ``findings``: as
    `deliverability.look` gives them.
    """
    transport = smtp_transport(desk, server, timeout=min(server.timeout, PATIENCE))
    conversation = Conversation(tuple(filter(None, (transport.dialled.password,))))
    outcome: dict[str, object] = {"ok": False, "words": "", "tls": ""}
    try:
        message = _message(desk, server, recipient, message_id, now)
        receipt = await transport.send(message, recipient, _nothing_to_note, conversation)
        outcome |= {"ok": True, "words": receipt.words, "tls": receipt.tls}
    except (NotSent, MessageRefused) as error:
        outcome["words"] = str(error)
    return outcome | {
        "said": conversation.said,
        "certificate_names": certificate_names(conversation.certificate),
        "certificate_until": str(conversation.certificate.get("notAfter", "")),
        "findings": await _findings(server),
    }


async def try_out_sms(
    desk: Desk,
    server: NotificationServer,
    recipient: str,
    *,
    mail: NotificationServer | None,
    message_id: str,
    now: datetime,
) -> dict[str, object]:
    """Send a test text through the SMS gateway ``server`` to ``recipient`` (E.164), and return what there is to show.

    ``mail``: the server that carriers are reached by. As `try_out`, without what is about certificates and senders.
    """
    transport: TextTransport
    if server.gateway == CARRIER:
        carrier = str(server.options.get("carrier", ""))
        transport = CarrierTransport(desk, server.name, carrier, mail, message_id, now, patience=PATIENCE)
        secrets = tuple(filter(None, (smtp_transport(desk, mail).dialled.password,))) if mail else ()
    else:
        transport = gateway_transport(desk, server, patience=min(server.timeout, PATIENCE))
        secrets = transport.secret_forms()
    conversation = Conversation(secrets)
    outcome: dict[str, object] = {"ok": False, "words": "", "tls": ""}
    text = f"Test message: text messages go out through {server.name}. {desk.settings.public_url}"
    try:
        receipt = await transport.send(text, recipient, _nothing_to_note, conversation)
        outcome |= {"ok": True, "words": receipt.words, "tls": receipt.tls}
    except (NotSent, MessageRefused) as error:
        outcome["words"] = str(error)
    return outcome | {"said": conversation.said}


async def _findings(server: NotificationServer) -> list[dict[str, str]]:
    try:
        from otae.delivery.mail import deliverability  # noqa: PLC0415 - a test goes without where dnspython is not installed
    except ModuleNotFoundError:
        return []
    return await deliverability.look(server.from_email.rpartition("@")[2], server.dkim_selector)


def _message(desk: Desk, server: NotificationServer, recipient: str, message_id: str, now: datetime) -> Mail:
    return build(
        sender=(server.from_name, server.from_email),
        recipient=recipient,
        subject=f"Test message from {server.from_name}",
        text=f"This message shows that mail goes out through {server.host}.\n\n{desk.settings.public_url}\n",
        html=None,
        message_id=message_id,
        now=now,
    )


async def _nothing_to_note() -> None:
    """A test that breaks off is simply a failed test."""
