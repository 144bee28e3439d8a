"""SMTP (RFC 5321), one message to one recipient a conversation, each failure told apart by who can mend it."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage

import aiosmtplib

from otae import outgoing
from otae.delivery.transport import BeforeEnd, NotSent, NotYet, OutcomeUnknown, Receipt, RefusedForGood
from otae.errors import AddressRefused
from otae.store.desk import Desk
from otae.store.models import NotificationServer

#: Purpose of a notification server's sealed password.
PASSWORD = "notification-server.password"  # noqa: S105 - a purpose, not a password
#: A whole conversation never takes longer, in seconds, however slowly the server drips.
LONGEST = 90
#: Answers that speak of the connection or of signing in, whichever command they answer: the settings are wrong.
ABOUT_SETTINGS = frozenset({421, 530, 534, 535, 538})
_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True)
class SmtpTransport:
    """A conversation with one notification server. ``loopback``: whether the server may be this machine."""

    host: str
    port: int
    security: str
    sender: str
    greeting_name: str
    loopback: bool
    timeout: float
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What the timeline calls it: the host."""
        return self.host

    async def send(self, message: EmailMessage, recipient: str, before_end: BeforeEnd) -> Receipt:
        """Hand ``message`` over; RefusedForGood, NotYet or OutcomeUnknown when the server did not take it."""
        ended = asyncio.Event()
        try:
            async with asyncio.timeout(LONGEST), self._connected() as client:
                tls = _agreed(client)
                await client.mail(self.sender)
                await client.rcpt(recipient)
                words = await _content(client, message.as_bytes(policy=policy.SMTP), before_end, ended)
                return Receipt(words, tls)
        except NotSent:
            raise
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if ended.is_set() and not isinstance(error, aiosmtplib.SMTPResponseException):
                raise OutcomeUnknown("the line broke after the message was handed over") from error
            raise _told_apart(error) from error

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        opened = await self._open_socket()
        client = aiosmtplib.SMTP(
            hostname=self.host,
            sock=opened,
            local_hostname=self.greeting_name,
            timeout=self.timeout,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            tls_context=None if self.security == "none" else await asyncio.to_thread(ssl.create_default_context),
        )
        try:
            await self._greet(client)
            yield client
            if client.is_connected:
                await _say_goodbye(client)
        finally:
            client.close()

    async def _greet(self, client: aiosmtplib.SMTP) -> None:
        try:
            await client.connect()
        except aiosmtplib.SMTPException as error:
            raise NotYet(_greeting_words(error)) from error
        except ssl.SSLError as error:
            raise NotYet(f"TLS: {_tls_words(error)}") from error
        if self.username is None:
            return
        if not _agreed(client):
            raise NotYet("TLS: not agreed, so the password was not sent")
        try:
            await client.login(self.username, self.password or "")
        except aiosmtplib.SMTPAuthenticationError as error:
            raise NotYet(f"sign-in: {error.code} {error.message}") from error
        except aiosmtplib.SMTPException as error:
            raise NotYet("sign-in: the server offers no way that is known here") from error

    async def _open_socket(self) -> socket.socket:
        try:
            addresses = await outgoing.resolve(self.host, self.port, private=True, loopback=self.loopback)
        except AddressRefused as error:
            raise NotYet(error.words) from error
        except OSError as error:
            raise NotYet("the server's name does not resolve") from error
        reason = "no address"
        for address in addresses:
            opened = socket.socket(address.family, socket.SOCK_STREAM)
            opened.setblocking(False)  # noqa: FBT003 - the standard library takes it by position
            try:
                async with asyncio.timeout(min(self.timeout, 10)):
                    await asyncio.get_running_loop().sock_connect(opened, address.where)
            except TimeoutError:
                reason = "no answer"
            except OSError:
                reason = "the connection was refused"
            else:
                return opened
            opened.close()
        raise NotYet(f"cannot connect: {reason}")


def smtp_transport(desk: Desk, server: NotificationServer, *, timeout: float | None = None) -> SmtpTransport:
    """Return the way out through ``server``; ``timeout`` (seconds an answer may take) overrides the server's own."""
    password = None
    if server.password_sealed is not None:
        password = desk.vault.open(server.password_sealed, server.id, PASSWORD).decode()
    return SmtpTransport(
        host=server.host,
        port=server.port,
        security=server.security,
        sender=server.from_email,
        greeting_name=desk.settings.public_host,
        loopback=desk.settings.embedded or desk.settings.allow_private,
        timeout=timeout or server.timeout,
        username=server.username,
        password=password,
    )


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
    if answer.code != 250:
        raise aiosmtplib.SMTPDataError(answer.code, answer.message)
    return f"{answer.code} {answer.message}"


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        client.close()


def _agreed(client: aiosmtplib.SMTP) -> str:
    agreed = client.get_transport_info("ssl_object")
    return f"{agreed.version()} {agreed.cipher()[0]}" if agreed else ""


def _told_apart(error: Exception) -> NotSent:
    """Whose fault a failure is: 4xx and lines that break are nobody's for long, other 5xx are the message's."""
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return NotYet("no answer in time" if isinstance(error, TimeoutError) else "the server hung up")
    words = f"{error.code} {error.message}"
    if not 400 <= error.code < 600:
        return NotYet("the server's answer is no SMTP")
    return NotYet(words) if error.code < 500 or error.code in ABOUT_SETTINGS else RefusedForGood(words)


def _greeting_words(error: aiosmtplib.SMTPException) -> str:
    """Fixed words, so that a test against some other service shows nothing of what that service said."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError):
        return f"TLS: {_tls_words(cause)}"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        known = 400 <= error.code < 600
        return f"{error.code} {error.message}" if known else "what answers there does not speak SMTP"
    if isinstance(error, aiosmtplib.SMTPTimeoutError):
        return "no answer in time"
    if "STARTTLS" in str(error):
        return "TLS: the server does not offer STARTTLS"
    return "the server hung up"


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message})"
    return "no agreement with the server; does it speak TLS on this port?"
