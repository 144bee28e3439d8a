"""Connecting to a mail server: address, TLS, greeting and sign-in (RFC 5321, RFC 3207, RFC 4954)."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiosmtplib

from otae import outgoing
from otae.delivery.mail import ntlm, smtp_auth
from otae.delivery.mail.oauth import Client as OAuthClient
from otae.delivery.mail.oauth import TokenCache
from otae.delivery.mail.refusals import sign_in_refusal
from otae.delivery.mail.transcript import RecordingSMTP, Transcript
from otae.delivery.transport import Unreachable
from otae.errors import AddressRefused

#: A server's answer to invalid credentials (RFC 4954 §6).
AUTHENTICATION_FAILED = 535
#: Seconds for connecting, up to the end of the sign-in, however slowly the server sends.
CONNECT_TIMEOUT = 40


FetchToken = Callable[..., Awaitable[str]]


@dataclass(frozen=True)
class Endpoint:
    """A mail server's address and how to sign in there; equal endpoints may share a connection.

    Attributes:
        security: "none", "starttls" or "tls".
        greeting_name: The host name that EHLO gives.
        loopback: The server may be on this machine.
        timeout: Seconds one answer may take.
        ntlm: Sign in by NTLM.
        clear_sign_in: Sign in without TLS, too.
        oauth: Sign in by tokens of this client instead of a password.
        ca_pem: The CA certificates that the server's certificate must chain to, "" for those this machine trusts.
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


async def connect(endpoint: Endpoint, tokens: TokenCache, transcript: Transcript | None = None) -> aiosmtplib.SMTP:
    """Return a connection that is ready for mail: greeted, encrypted and signed in as ``endpoint`` says.

    ``transcript``: where the conversation is recorded, if anywhere. Raises Unreachable with the reason.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            return await _connect(endpoint, tokens, transcript)
    except TimeoutError as error:
        raise Unreachable("no answer in time") from error


async def _connect(endpoint: Endpoint, tokens: TokenCache, transcript: Transcript | None) -> aiosmtplib.SMTP:
    fetch_token = None
    if endpoint.oauth:
        fetch_token = partial(tokens.token, endpoint.oauth, time_limit=endpoint.timeout, transcript=transcript)
    token = await fetch_token() if fetch_token else ""
    context = None
    if endpoint.security != "none":
        context = await asyncio.to_thread(ssl.create_default_context, cadata=endpoint.ca_pem or None)
    options: dict[str, Any] = {
        "hostname": endpoint.host,
        "sock": await _open_socket(endpoint),
        "local_hostname": endpoint.greeting_name,
        "timeout": endpoint.timeout,
        "use_tls": endpoint.security == "tls",
        "start_tls": endpoint.security == "starttls",
        "tls_context": context,
    }
    client = aiosmtplib.SMTP(**options) if transcript is None else RecordingSMTP(transcript, **options)
    try:
        await _greet(client)
        await _sign_in(client, endpoint, token, fetch_token)
    except BaseException:
        client.close()
        raise
    return client


def negotiated_tls(client: aiosmtplib.SMTP) -> str:
    """Return TLS version and cipher of a connection, "" without TLS."""
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


async def _sign_in(client: aiosmtplib.SMTP, endpoint: Endpoint, token: str, fetch_token: FetchToken | None) -> None:
    """Sign in on a connection that was greeted, if the endpoint has a user name."""
    if endpoint.username is None:
        return
    if not negotiated_tls(client) and not endpoint.clear_sign_in:
        raise Unreachable("TLS: not agreed, so the password was not sent")
    try:
        if fetch_token:
            await _sign_in_by_token(client, endpoint.username, token, fetch_token)
        else:
            by = ntlm.sign_in if endpoint.ntlm else smtp_auth.by_password
            await by(client, endpoint.username, endpoint.password or "")
    except aiosmtplib.SMTPAuthenticationError as error:
        raise Unreachable(sign_in_refusal(error.code, error.message)) from error
    except aiosmtplib.SMTPServerDisconnected as error:
        raise Unreachable("sign-in: the server hung up") from error
    except aiosmtplib.SMTPTimeoutError as error:
        raise Unreachable("sign-in: no answer in time") from error
    except aiosmtplib.SMTPException as error:
        raise Unreachable("sign-in: the server offers no way that is known here") from error


async def _sign_in_by_token(client: aiosmtplib.SMTP, username: str, token: str, fetch_token: FetchToken) -> None:
    """Sign in by ``token``; when it is refused, once more by a new one."""
    try:
        await smtp_auth.by_token(client, username, token)
    except aiosmtplib.SMTPAuthenticationError as error:
        if error.code != AUTHENTICATION_FAILED:
            raise
        await smtp_auth.by_token(client, username, await fetch_token(refused=token))


async def _open_socket(endpoint: Endpoint) -> socket.socket:
    try:
        addresses = await outgoing.resolve(endpoint.host, endpoint.port, private=True, loopback=endpoint.loopback)
    except AddressRefused as error:
        raise Unreachable(error.words) from error
    except OSError as error:
        raise Unreachable("the server's name does not resolve") from error
    reason = "no address"
    for address in addresses:
        # The protocol is named: without it the event loop leaves Nagle on, and the end of each mail waits 40 ms.
        opened = socket.socket(address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        opened.setblocking(False)  # noqa: FBT003 - the standard library takes it by position
        try:
            async with asyncio.timeout(min(endpoint.timeout, 10)):
                await asyncio.get_running_loop().sock_connect(opened, address.sockaddr)
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
    """Describe a failed greeting in fixed words, so that a test shows nothing of what another service answered."""
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
