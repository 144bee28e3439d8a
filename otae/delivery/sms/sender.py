"""Sending text messages: through a provider's HTTP API, or as a mail to the recipient's carrier."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote, quote_plus

from otae.delivery import http_client
from otae.delivery.mail.mime import build
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.mail.transcript import Transcript, redact
from otae.delivery.queue import rate_limit
from otae.delivery.sms.carriers import address_at, find_carrier
from otae.delivery.sms.gateways import GATEWAYS, Gateway, TextMessage, Values
from otae.delivery.texts.compose import default_sender
from otae.delivery.transport import BeforeEnd, NotSent, Receipt, TemporaryFailure, Unreachable
from otae.store.desk import Desk
from otae.store.models import NotificationServer

#: Purpose of a server's sealed secrets.
SECRETS_PURPOSE: Final = "notification-server.secrets"  # a purpose, not a secret
#: The gateway that sends mail to the recipient's carrier instead of calling an HTTP API.
CARRIER: Final = "carrier"
#: Longest text that is sent, in characters: ten parts.
MAX_CHARACTERS: Final = 1530


@dataclass(frozen=True)
class GatewayTransport:
    """Sends through a provider's HTTP API. ``private``: it may be in a private network, and without TLS."""

    name: str
    gateway: Gateway
    values: Values = field(repr=False)
    private: bool
    timeout: float

    async def send(
        self, message: str, recipient: str, before_end: BeforeEnd, transcript: Transcript | None = None
    ) -> Receipt:
        """Send a text to ``recipient`` (E.164); raises NotSent's subclasses.

        ``transcript``: where request and response are recorded, if anywhere.
        """
        request = self.gateway.request(self.values, TextMessage(recipient, message[:MAX_CHARACTERS]))
        if transcript is not None:
            _record_request(transcript, request)
        try:
            response = await http_client.call(
                request, private=self.private, time_limit=self.timeout, before_end=before_end
            )
            if transcript is not None:
                _record_response(transcript, response)
            return Receipt(redact(self.gateway.interpret(self.values, response), self.secret_forms()), response.tls)
        except NotSent as error:
            raise type(error)(redact(str(error), self.secret_forms())) from error

    def secret_forms(self) -> tuple[str, ...]:
        """Return the secrets in every encoding in which a request holds them, to redact them."""
        secrets = [self.values[name] for name in self.gateway.secrets if self.values[name]]
        user = self.values[self.gateway.user_field] if self.gateway.user_field else ""
        pairs = [f"{user}:{secret}" for secret in secrets if user]
        written = [form for one in secrets for form in (quote(one, safe=""), quote_plus(one), json.dumps(one)[1:-1])]
        return tuple(dict.fromkeys((*secrets, *pairs, *written)))


@dataclass(frozen=True)
class CarrierTransport:
    """Sends a text as a mail to the recipient's carrier, through the mail server ``mail``.

    ``sender``: the envelope sender, to which bounces are returned; that of the mail server when None.
    """

    desk: Desk
    name: str
    carrier: str
    mail: NotificationServer | None
    message_id: str
    now: datetime
    sender: str | None = None
    timeout: float | None = None

    async def send(
        self, message: str, recipient: str, before_end: BeforeEnd, transcript: Transcript | None = None
    ) -> Receipt:
        """Send a text as a mail; as `GatewayTransport.send`."""
        if self.mail is None:
            raise Unreachable("no mail server is active, which carriers are reached by")
        carrier = await find_carrier(self.carrier)
        if carrier is None:
            raise Unreachable(f"there is no carrier {self.carrier!r}" if self.carrier else "no carrier is chosen")
        address = address_at(carrier, recipient)
        name, _ = await default_sender(self.desk)
        mail = build(
            sender=(self.mail.from_name, self.mail.from_email),
            recipient=address,
            subject=name,
            text=message[:MAX_CHARACTERS],
            html=None,
            message_id=self.message_id,
            now=self.now,
        )
        if not await rate_limit.take_slot(self.mail, self.now):
            raise TemporaryFailure("the mail server may not be given more this minute")
        transport = smtp_transport(self.desk, self.mail, timeout=self.timeout, sender=self.sender)
        return await transport.send(mail, address, before_end, transcript)


TextTransport = GatewayTransport | CarrierTransport


def gateway_transport(desk: Desk, server: NotificationServer, *, timeout: float | None = None) -> GatewayTransport:
    """Return the transport for the HTTP gateway ``server``; ``timeout`` in seconds overrides the server's own."""
    gateway = GATEWAYS[server.gateway]
    return GatewayTransport(
        name=server.name,
        gateway=gateway,
        values=gateway_values(desk, server),
        private=desk.settings.allow_private,
        timeout=timeout or server.timeout,
    )


def gateway_values(desk: Desk, server: NotificationServer) -> dict[str, str]:
    """Return the value of every field of ``server``'s gateway, its secrets decrypted."""
    values = {each.name: "" for each in GATEWAYS[server.gateway].fields} if server.gateway in GATEWAYS else {}
    values |= {name: str(value) for name, value in server.options.items()}
    if server.secrets_sealed is not None:
        values |= json.loads(desk.vault.open(server.secrets_sealed, server.id, SECRETS_PURPOSE))
    return values


def _record_request(transcript: Transcript, request: http_client.HttpRequest) -> None:
    transcript.add(">", f"{request.method} {request.url}")
    for name, value in request.headers:
        transcript.add(">", f"{name}: {value}")
    transcript.add(">", request.content.decode("utf-8", "replace"))


def _record_response(transcript: Transcript, response: http_client.HttpResponse) -> None:
    if response.tls:
        transcript.add("*", f"{response.tls} agreed")
    transcript.add("<", str(response.status))
    transcript.add("<", response.text)
