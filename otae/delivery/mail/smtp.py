"""SMTP (RFC 5321), one recipient a message, each failure told apart by who can mend it."""

import asyncio
import re
from dataclasses import dataclass

import aiosmtplib

from otae.delivery.mail import oauth, smtp_pool
from otae.delivery.mail.mime import Mail
from otae.delivery.mail.refusals import Command, judged
from otae.delivery.mail.smtp_connect import Dialled, tls_agreed
from otae.delivery.mail.transcript import Conversation
from otae.delivery.transport import BeforeEnd, NotSent, NotYet, OutcomeUnknown, Receipt
from otae.settings import Settings
from otae.store.desk import Desk
from otae.store.models import NotificationServer

#: Purpose of a notification server's sealed password.
PASSWORD = "notification-server.password"  # noqa: S105 - a purpose, not a password
#: Handing a message over never takes longer, in seconds, however slowly the server drips.
LONGEST = 65
_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True)
class SmtpTransport:
    """The way out through one notification server. ``sender``: whom the envelope names, and who gets what bounces."""

    dialled: Dialled
    sender: str

    @property
    def name(self) -> str:
        """What the timeline calls it: the host."""
        return self.dialled.host

    async def send(
        self,
        message: Mail,
        recipient: str,
        before_end: BeforeEnd,
        conversation: Conversation | None = None,
    ) -> Receipt:
        """Hand ``message`` over; RefusedForGood, NotYet (Unreachable) or OutcomeUnknown when it was not taken.

        With ``conversation`` a new line is dialled, and what is said on it is written down there.
        """
        ended = asyncio.Event()
        try:
            async with smtp_pool.line(self.dialled, self.sender, conversation) as line, asyncio.timeout(LONGEST):
                client, tls = line.client, tls_agreed(line.client)
                if not line.begun:
                    await client.mail(self.sender)
                await _name_recipient(client, recipient)
                words = await _content(client, message.content, before_end, ended)
                if conversation is not None:
                    conversation.add(">", "(the message)")
                    conversation.add("<", words)
                return Receipt(words, tls)
        except NotSent:
            raise
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if conversation is not None and ended.is_set():
                conversation.add(">", "(the message)")
                conversation.add("<", _told_apart(error, ended).args[0])
            if ended.is_set() and not isinstance(error, aiosmtplib.SMTPResponseException):
                raise OutcomeUnknown("the line broke after the message was handed over") from error
            raise _told_apart(error, ended) from error

    async def probe(self) -> None:
        """Reach the server, sign in and name the sender, as for a message, and send none; raises as `send`."""
        try:
            async with smtp_pool.line(self.dialled, self.sender) as line, asyncio.timeout(LONGEST):
                await line.client.mail(self.sender)
                await line.client.rset()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise _told_apart(error, asyncio.Event()) from error


def smtp_transport(
    desk: Desk, server: NotificationServer, *, timeout: float | None = None, sender: str | None = None
) -> SmtpTransport:
    """Return the way out through ``server``.

    ``timeout`` (seconds an answer may take) and ``sender`` (whom the envelope names) override the server's own.
    """
    password = None
    if server.password_sealed is not None:
        password = desk.vault.open(server.password_sealed, server.id, PASSWORD).decode()
    dialled = Dialled(
        host=server.host,
        port=server.port,
        security=server.security,
        greeting_name=desk.settings.public_host,
        loopback=may_be_here(desk.settings),
        timeout=timeout or server.timeout,
        username=server.username,
        password=password,
        ntlm=server.ntlm,
        clear_sign_in=server.clear_sign_in,
        oauth=_oauth_client(desk, server, password),
        ca_pem=server.ca_pem,
    )
    return SmtpTransport(dialled, sender or server.from_email)


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


def may_be_here(settings: Settings) -> bool:
    """Tell whether a mail server may be on this machine: beside a database server, only where the operator says so."""
    return settings.embedded or settings.allow_private


async def _content(client: aiosmtplib.SMTP, content: bytes, before_end: BeforeEnd, ended: asyncio.Event) -> str:
    """Send DATA, the content, and its end as three steps: the second may be repeated, the third may not."""
    start = await client.execute_command(b"DATA")
    if start.code != 354:
        raise aiosmtplib.SMTPDataError(start.code, start.message)
    protocol = client.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("the server hung up")
    protocol.write(_LEADING_DOT.sub(b"..", content))
    await before_end()
    protocol.write(b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")
    ended.set()
    answer = await protocol.read_response(timeout=client.timeout)
    if not 200 <= answer.code < 300:
        raise aiosmtplib.SMTPDataError(answer.code, answer.message)
    return f"{answer.code} {answer.message}"


async def _name_recipient(client: aiosmtplib.SMTP, recipient: str) -> None:
    """Say RCPT; any 2xx is a yes, whatever the library makes of 252."""
    try:
        await client.rcpt(recipient)
    except aiosmtplib.SMTPRecipientRefused as error:
        if not 200 <= error.code < 300:
            raise


def _told_apart(error: Exception, ended: asyncio.Event) -> NotSent:
    """Whose trouble a failure is; ``ended``: whether the end of the content had been sent."""
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return NotYet("no answer in time" if isinstance(error, TimeoutError) else "the server hung up")
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        command = Command.MAIL
    elif isinstance(error, aiosmtplib.SMTPRecipientRefused):
        command = Command.RCPT
    else:
        command = Command.CONTENT if ended.is_set() else Command.DATA
    return judged(command, error.code, error.message)
