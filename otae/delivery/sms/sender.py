"""Text messages on their way: through a provider's HTTP API, or as a mail to the recipient's carrier."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote, quote_plus

from otae.delivery import http_client
from otae.delivery.mail.mime import build
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.mail.transcript import Conversation
from otae.delivery.queue import rate_limit
from otae.delivery.sms.carriers import address_at, find_carrier
from otae.delivery.sms.gateways import GATEWAYS, Gateway, TextMessage, Values
from otae.delivery.texts.compose import house_sender
from otae.delivery.transport import BeforeEnd, NotSent, NotYet, Receipt, Unreachable
from otae.store.desk import Desk
from otae.store.models import NotificationServer

#: Purpose of a server's sealed secrets.
SECRETS: Final = "notification-server.secrets"  # a purpose, not a secret
#: The kind of gateway that is no HTTP API: a mail to the recipient's carrier.
CARRIER: Final = "carrier"
#: Longest text that is sent, in characters: ten parts.
LONGEST: Final = 1530
#: What stands where a secret stood in the words of a provider.
BLANK: Final = "••••••"


@dataclass(frozen=True)
class GatewayTransport:
    """The way out through a provider's HTTP API. ``private``: it may be in a private network, and without TLS."""

    name: str
    gateway: Gateway
    values: Values = field(repr=False)
    private: bool
    patience: float

    async def send(
        self, message: str, recipient: str, before_end: BeforeEnd, conversation: Conversation | None = None
    ) -> Receipt:
        """Hand a text over for ``recipient`` (E.164); raises NotSent's children.

        With ``conversation`` what is said is written down there.
        """
        request = self.gateway.request(self.values, TextMessage(recipient, message[:LONGEST]))
        if conversation is not None:
            _tell_request(conversation, request)
        try:
            answer = await http_client.call(
                request, private=self.private, patience=self.patience, before_end=before_end
            )  # fmt: skip
            if conversation is not None:
                _tell_answer(conversation, answer)
            return Receipt(self._blanked(self.gateway.judge(self.values, answer)), answer.tls)
        except NotSent as error:
            raise type(error)(self._blanked(str(error))) from error

    def secret_forms(self) -> tuple[str, ...]:
        """Return the secrets in every form in which they travel, to be blanked."""
        secrets = [self.values[name] for name in self.gateway.secrets if self.values[name]]
        users = [self.values[name] for name in ("username", "account_sid", "token_id") if self.values.get(name)]
        pairs = [f"{user}:{secret}" for user in users for secret in secrets]
        written = [form for one in secrets for form in (quote(one, safe=""), quote_plus(one), json.dumps(one)[1:-1])]
        return tuple(dict.fromkeys((*secrets, *pairs, *written)))

    def _blanked(self, words: str) -> str:
        for secret in sorted(self.secret_forms(), key=len, reverse=True):
            words = words.replace(secret, BLANK)
        return words


@dataclass(frozen=True)
class CarrierTransport:
    """The way out as a mail to the carrier of the recipient, through the mail server ``mail``.

    ``sender``: who gets what bounces, the server's own sender when None.
    """

    desk: Desk
    name: str
    carrier: str
    mail: NotificationServer | None
    message_id: str
    now: datetime
    sender: str | None = None
    patience: float | None = None

    async def send(
        self, message: str, recipient: str, before_end: BeforeEnd, conversation: Conversation | None = None
    ) -> Receipt:
        """Hand a text over as a mail; raises as `GatewayTransport.send`."""
        if self.mail is None:
            raise Unreachable("no mail server is active, which carriers are reached by")
        carrier = await find_carrier(self.carrier)
        if carrier is None:
            raise Unreachable(f"there is no carrier {self.carrier!r}" if self.carrier else "no carrier is chosen")
        address = address_at(carrier, recipient)
        name, _ = await house_sender(self.desk)
        mail = build(
            sender=(self.mail.from_name, self.mail.from_email),
            recipient=address,
            subject=name,
            text=message[:LONGEST],
            html=None,
            message_id=self.message_id,
            now=self.now,
        )
        if not await rate_limit.take_slot(self.mail, self.now):
            raise NotYet("the mail server may not be given more this minute")
        transport = smtp_transport(self.desk, self.mail, timeout=self.patience, sender=self.sender)
        return await transport.send(mail, address, before_end, conversation)


TextTransport = GatewayTransport | CarrierTransport


def gateway_transport(desk: Desk, server: NotificationServer, *, patience: float | None = None) -> GatewayTransport:
    """Return the way out through the HTTP gateway ``server``; ``patience`` overrides its own timeout."""
    gateway = GATEWAYS[server.gateway]
    return GatewayTransport(
        name=server.name,
        gateway=gateway,
        values=values_of(desk, server),
        private=desk.settings.allow_private,
        patience=patience or server.timeout,
    )


def values_of(desk: Desk, server: NotificationServer) -> dict[str, str]:
    """Return what ``server`` is set up with, its secrets opened; every field of its gateway is there."""
    values = {each.name: "" for each in GATEWAYS[server.gateway].fields} if server.gateway in GATEWAYS else {}
    values |= {name: str(value) for name, value in server.options.items()}
    if server.secrets_sealed is not None:
        values |= json.loads(desk.vault.open(server.secrets_sealed, server.id, SECRETS))
    return values


def _tell_request(conversation: Conversation, request: http_client.HttpRequest) -> None:
    conversation.add(">", f"{request.method} {request.url}")
    for name, value in request.headers:
        conversation.add(">", f"{name}: {value}")
    conversation.add(">", request.content.decode("utf-8", "replace"))


def _tell_answer(conversation: Conversation, answer: http_client.HttpAnswer) -> None:
    if answer.tls:
        conversation.add("*", f"{answer.tls} agreed")
    conversation.add("<", str(answer.status))
    conversation.add("<", answer.text)
