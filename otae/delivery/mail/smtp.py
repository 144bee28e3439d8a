"""Sending mail by SMTP (RFC 5321), one recipient a message, each failure classified by `refusals`."""

import asyncio
import re
from dataclasses import dataclass, field

import aiosmtplib

from otae.delivery.mail import oauth
from otae.delivery.mail.mime import Mail
from otae.delivery.mail.refusals import RefusedCommand, classify
from otae.delivery.mail.smtp_connect import Endpoint, negotiated_tls
from otae.delivery.mail.smtp_pool import SmtpPool
from otae.delivery.mail.transcript import Transcript
from otae.delivery.transport import BeforeEnd, NotSent, OutcomeUnknown, Receipt, TemporaryFailure
from otae.settings import Settings
from otae.store.desk import Desk
from otae.store.models import NotificationServer

#: Purpose of a notification server's sealed password.
PASSWORD_PURPOSE = "notification-server.password"  # noqa: S105 - a purpose, not a password
#: Seconds for sending one message over a connection, however slowly the server answers.
SEND_TIMEOUT = 65
_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True)
class SmtpTransport:
    """Sends mail through one notification server. ``sender``: the envelope sender, to which bounces are returned."""

    pool: SmtpPool = field(repr=False)
    endpoint: Endpoint
    sender: str

    @property
    def name(self) -> str:
        """Its name in the timeline: the host."""
        return self.endpoint.host

    async def send(
        self,
        message: Mail,
        recipient: str,
        before_end: BeforeEnd,
        transcript: Transcript | None = None,
    ) -> Receipt:
        """Send ``message`` and return the server's receipt.

        Args:
            before_end: Awaited before the end of the content is sent.
            transcript: If given, a new connection is made and recorded there.

        Raises:
            NotSent: One of its subclasses; OutcomeUnknown when the connection was lost after the end was sent.
        """
        end_sent = asyncio.Event()
        try:
            async with (
                self.pool.connection(self.endpoint, self.sender, transcript) as connection,
                asyncio.timeout(SEND_TIMEOUT),
            ):
                client, tls = connection.client, negotiated_tls(connection.client)
                if not connection.begun:
                    await client.mail(self.sender)
                await _rcpt(client, recipient)
                words = await _data(client, message.content, before_end, end_sent)
                if transcript is not None:
                    transcript.add(">", "(the message)")
                    transcript.add("<", words)
                return Receipt(words, tls)
        except NotSent:
            raise
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if transcript is not None and end_sent.is_set():
                transcript.add(">", "(the message)")
                transcript.add("<", _classify(error, end_sent).args[0])
            if end_sent.is_set() and not isinstance(error, aiosmtplib.SMTPResponseException):
                raise OutcomeUnknown("the line broke after the message was handed over") from error
            raise _classify(error, end_sent) from error

    async def probe(self) -> None:
        """Connect, sign in and send MAIL as for a message, but send none; raises as `send`."""
        try:
            async with self.pool.connection(self.endpoint, self.sender) as connection, asyncio.timeout(SEND_TIMEOUT):
                await connection.client.mail(self.sender)
                await connection.client.rset()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise _classify(error, asyncio.Event()) from error


def smtp_transport(
    desk: Desk, server: NotificationServer, *, timeout: float | None = None, sender: str | None = None
) -> SmtpTransport:
    """Return the transport for ``server``.

    ``timeout`` (seconds an answer may take) and ``sender`` (of the envelope) override the server's own.
    """
    password = None
    if server.password_sealed is not None:
        password = desk.vault.open(server.password_sealed, server.id, PASSWORD_PURPOSE).decode()
    endpoint = Endpoint(
        host=server.host,
        port=server.port,
        security=server.security,
        greeting_name=desk.settings.public_host,
        loopback=loopback_allowed(desk.settings),
        timeout=timeout or server.timeout,
        username=server.username,
        password=password,
        ntlm=server.ntlm,
        clear_sign_in=server.clear_sign_in,
        oauth=_oauth_client(desk, server, password),
        ca_pem=server.ca_pem,
    )
    return SmtpTransport(desk.resources.get(SmtpPool), endpoint, sender or server.from_email)


def _oauth_client(desk: Desk, server: NotificationServer, secret: str | None) -> oauth.Client | None:
    if not server.oauth or secret is None or server.username is None:
        return None
    return oauth.Client(
        kind=server.oauth,
        token_url=server.oauth_token_url,
        client_id=server.oauth_client_id,
        scope=server.oauth_scope,
        mailbox=server.username,
        secret=secret,
        private=desk.settings.allow_private,
    )


def loopback_allowed(settings: Settings) -> bool:
    """Return whether a mail server may be on this machine: when embedded, or with OTAE_ALLOW_PRIVATE."""
    return settings.embedded or settings.allow_private


async def _data(client: aiosmtplib.SMTP, content: bytes, before_end: BeforeEnd, end_sent: asyncio.Event) -> str:
    """Send DATA, the content and its end, and return the answer.

    Until the end is sent, the server has accepted nothing: a message that fails before can be sent again without a
    second copy.
    """
    start = await client.execute_command(b"DATA")
    if start.code != 354:
        raise aiosmtplib.SMTPDataError(start.code, start.message)
    protocol = client.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("the server hung up")
    protocol.write(_LEADING_DOT.sub(b"..", content))
    await before_end()
    protocol.write(b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")
    end_sent.set()
    answer = await protocol.read_response(timeout=client.timeout)
    if not 200 <= answer.code < 300:
        raise aiosmtplib.SMTPDataError(answer.code, answer.message)
    return f"{answer.code} {answer.message}"


async def _rcpt(client: aiosmtplib.SMTP, recipient: str) -> None:
    """Send RCPT; any 2xx is success, although the library refuses 252."""
    try:
        await client.rcpt(recipient)
    except aiosmtplib.SMTPRecipientRefused as error:
        if not 200 <= error.code < 300:
            raise


def _classify(error: Exception, end_sent: asyncio.Event) -> NotSent:
    """Return the error for a failure; ``end_sent`` is set when the end of the content had been sent."""
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return TemporaryFailure("no answer in time" if isinstance(error, TimeoutError) else "the server hung up")
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        command = RefusedCommand.MAIL
    elif isinstance(error, aiosmtplib.SMTPRecipientRefused):
        command = RefusedCommand.RCPT
    else:
        command = RefusedCommand.CONTENT if end_sent.is_set() else RefusedCommand.DATA
    return classify(command, error.code, error.message)
