"""Reaching a notification server: address, TLS, greeting and sign-in, up to a line that takes mail (RFC 5321, 3207)."""

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

import aiosmtplib

from otae import outgoing
from otae.delivery.mail import ntlm, oauth, smtp_auth
from otae.delivery.mail.oauth import Client as OAuthClient
from otae.delivery.mail.refusals import signing_in
from otae.delivery.mail.transcript import Conversation, TellingSMTP
from otae.delivery.transport import Unreachable
from otae.errors import AddressRefused

#: What a server answers to a sign-in that is not taken.
REFUSED = 535
#: Reaching a server never takes longer, in seconds, however slowly it drips.
LONGEST = 40


@dataclass(frozen=True)
class Dialled:
    """What it takes to reach a server; two that are equal may share a line. ``loopback``: it may be this machine.

    ``ntlm``: sign in by NTLM; ``clear_sign_in``: sign in over a line without TLS, too; ``oauth``: sign in by tokens of
    this client, not by a password.
    ``ca_pem``: the authorities that the server's certificate must lead to, "" for those this machine trusts.
    """

    host: str
    port: int
    security: str
    greeting_name: str
    loopback: bool
    timeout: float
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ntlm: bool = False
    clear_sign_in: bool = False
    oauth: OAuthClient | None = None
    ca_pem: str = ""


async def dial(dialled: Dialled, conversation: Conversation | None = None) -> aiosmtplib.SMTP:
    """Return a line that takes mail: greeted, encrypted and signed in as asked for; Unreachable with the reason.

    ``conversation``: where what is said on the line is written down, if anywhere.
    """
    try:
        async with asyncio.timeout(LONGEST):
            return await _dial(dialled, conversation)
    except TimeoutError as error:
        raise Unreachable("no answer in time") from error


async def _dial(dialled: Dialled, conversation: Conversation | None) -> aiosmtplib.SMTP:
    token = await _token(dialled, conversation) if dialled.oauth else ""
    context = None
    if dialled.security != "none":
        context = await asyncio.to_thread(ssl.create_default_context, cadata=dialled.ca_pem or None)
    options: dict[str, Any] = {
        "hostname": dialled.host,
        "sock": await _open_socket(dialled),
        "local_hostname": dialled.greeting_name,
        "timeout": dialled.timeout,
        "use_tls": dialled.security == "tls",
        "start_tls": dialled.security == "starttls",
        "tls_context": context,
    }
    client = aiosmtplib.SMTP(**options) if conversation is None else TellingSMTP(conversation, **options)
    try:
        await _greet(client)
        await _sign_in(client, dialled, token, conversation)
    except BaseException:
        client.close()
        raise
    return client


def tls_agreed(client: aiosmtplib.SMTP) -> str:
    """Return version and cipher of the line, "" when it is in clear."""
    agreed = client.get_transport_info("ssl_object")
    return f"{agreed.version()} {agreed.cipher()[0]}" if agreed else ""


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.connect()
    except aiosmtplib.SMTPException as error:
        raise Unreachable(_greeting_words(error)) from error
    except ssl.SSLError as error:
        raise Unreachable(f"TLS: {_tls_words(error)}") from error
    except OSError as error:
        raise Unreachable("the server hung up") from error


async def _sign_in(client: aiosmtplib.SMTP, dialled: Dialled, token: str, conversation: Conversation | None) -> None:
    """Sign in on a line that was greeted, where a user name was entered."""
    if dialled.username is None:
        return
    if not tls_agreed(client) and not dialled.clear_sign_in:
        raise Unreachable("TLS: not agreed, so the password was not sent")
    try:
        if dialled.oauth:
            await _by_token(client, dialled, token, conversation)
        else:
            by = ntlm.sign_in if dialled.ntlm else smtp_auth.by_password
            await by(client, dialled.username, dialled.password or "")
    except aiosmtplib.SMTPAuthenticationError as error:
        raise Unreachable(signing_in(error.code, error.message)) from error
    except aiosmtplib.SMTPServerDisconnected as error:
        raise Unreachable("sign-in: the server hung up") from error
    except aiosmtplib.SMTPTimeoutError as error:
        raise Unreachable("sign-in: no answer in time") from error
    except aiosmtplib.SMTPException as error:
        raise Unreachable("sign-in: the server offers no way that is known here") from error


async def _by_token(client: aiosmtplib.SMTP, dialled: Dialled, token: str, conversation: Conversation | None) -> None:
    """Sign in by ``token``, and where it is refused once more by a new one."""
    try:
        await smtp_auth.by_token(client, dialled.username or "", token)
    except aiosmtplib.SMTPAuthenticationError as error:
        if error.code != REFUSED:
            raise
        await smtp_auth.by_token(client, dialled.username or "", await _token(dialled, conversation, refused=token))


async def _token(dialled: Dialled, conversation: Conversation | None, *, refused: str = "") -> str:
    assert dialled.oauth is not None  # noqa: S101 - callers have looked; tells the type checker
    return await oauth.token(dialled.oauth, patience=dialled.timeout, refused=refused, conversation=conversation)


async def _open_socket(dialled: Dialled) -> socket.socket:
    try:
        addresses = await outgoing.resolve(dialled.host, dialled.port, private=True, loopback=dialled.loopback)
    except AddressRefused as error:
        raise Unreachable(error.words) from error
    except OSError as error:
        raise Unreachable("the server's name does not resolve") from error
    reason = "no address"
    for address in addresses:
        # The protocol is named: without it the event loop leaves Nagle on, and each end of a content waits 40 ms.
        opened = socket.socket(address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        opened.setblocking(False)  # noqa: FBT003 - the standard library takes it by position
        try:
            async with asyncio.timeout(min(dialled.timeout, 10)):
                await asyncio.get_running_loop().sock_connect(opened, address.where)
        except TimeoutError:
            reason = "no answer"
        except OSError:
            reason = "the connection was refused"
        except BaseException:
            opened.close()
            raise
        else:
            return opened
        opened.close()
    raise Unreachable(f"cannot connect: {reason}")


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
