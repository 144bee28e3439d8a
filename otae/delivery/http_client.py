"""An HTTP client for third-party services, guarded against private addresses, DNS rebinding and oversized responses.

The host name is resolved once and the connection goes to the resolved address; TLS still verifies the name. Redirects
are not followed, proxies and credentials in the environment not used, responses not decompressed.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import httpx2

from otae import outgoing
from otae.delivery.transport import BeforeEnd, NotSent, OutcomeUnknown, Unreachable
from otae.errors import AddressRefused

#: Largest response body that is read, in bytes.
MAX_BODY = 64 * 1024
#: Seconds for connecting to one address.
CONNECT_TIMEOUT = 10


@dataclass(frozen=True)
class HttpRequest:
    """A request. Its repr shows the method alone: everything else may hold a secret, a PIN or a number."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class HttpResponse:
    """A response. ``tls``: version and cipher, "" without TLS."""

    status: int
    text: str = field(repr=False)
    tls: str = ""


async def call(request: HttpRequest, *, private: bool, time_limit: float, before_end: BeforeEnd) -> HttpResponse:
    """Make one request and return its response, whatever its status.

    Args:
        private: Allow private networks, this machine, and http without TLS.
        time_limit: Seconds for all of it.
        before_end: Awaited when the connection is made, before anything is sent; what it raises is passed on.

    Raises:
        Unreachable: Nothing was sent.
        OutcomeUnknown: The request was sent, but no complete response came.
    """
    addresses = await _resolve(request.url, private=private)
    context = await asyncio.to_thread(_context, ssl.get_default_verify_paths())
    request_start = _RequestStart(before_end)
    try:
        async with asyncio.timeout(time_limit):
            return await _first_reachable(request, addresses, context, request_start)
    except NotSent:
        raise
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
        if request_start.sent:
            raise OutcomeUnknown("no whole answer came after the request was sent") from error
        raise Unreachable(_error_words(error)) from error


def host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of ``url``; ValueError when it is no URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def _resolve(url: str, *, private: bool) -> list[outgoing.Address]:
    try:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (private and parts.scheme == "http"):
            raise Unreachable("only https addresses are called")
        if not parts.hostname:
            raise Unreachable("the address names no host")
        return await outgoing.resolve(*host_and_port(url), private=private, loopback=private)
    except AddressRefused as error:
        raise Unreachable(error.words) from error
    except (OSError, ValueError) as error:
        raise Unreachable("the service's name does not resolve") from error


@dataclass
class _RequestStart:
    """Awaits ``before_end`` before the first byte of a request. ``sent``: whether sending has begun."""

    before_end: BeforeEnd
    sent: bool = False

    async def trace(self, event: str, _info: object) -> None:
        if event == "http11.send_request_headers.started":
            await self.before_end()
            self.sent = True


async def _first_reachable(
    request: HttpRequest, addresses: list[outgoing.Address], context: ssl.SSLContext, request_start: _RequestStart
) -> HttpResponse:
    for at, address in enumerate(addresses):
        try:
            return await _request(request, str(address.sockaddr[0]), context, request_start)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            if at == len(addresses) - 1:
                raise
    raise Unreachable("no address")


async def _request(
    request: HttpRequest, address: str, context: ssl.SSLContext, request_start: _RequestStart
) -> HttpResponse:
    named = httpx2.URL(request.url)
    headers = {"Host": named.netloc.decode("ascii"), "Accept-Encoding": "identity", "User-Agent": "otae"}
    transport = httpx2.AsyncHTTPTransport(verify=context, trust_env=False)
    async with httpx2.AsyncClient(
        transport=transport,
        trust_env=False,
        timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT),
        follow_redirects=False,
    ) as client:
        built = client.build_request(
            request.method,
            named.copy_with(host=address),
            headers=[*headers.items(), *request.headers],
            content=request.content or None,
            extensions={"sni_hostname": named.raw_host.decode("ascii"), "trace": request_start.trace},
        )
        response = await client.send(built, stream=True)
        try:
            text = await _read_body(response)
            return HttpResponse(response.status_code, text, _tls(response))
        finally:
            await response.aclose()


async def _read_body(response: httpx2.Response) -> str:
    kept = bytearray()
    async for piece in response.aiter_raw():
        kept += piece
        if len(kept) > MAX_BODY:
            raise OutcomeUnknown("the answer is longer than allowed")
    return kept.decode("utf-8", "replace")


def _tls(response: httpx2.Response) -> str:
    stream = response.extensions.get("network_stream")
    agreed = stream.get_extra_info("ssl_object") if stream is not None else None
    return f"{agreed.version()} {agreed.cipher()[0]}" if agreed else ""


@cache
def _context(_paths: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """Return a context that trusts this machine's CAs; cached, as reading them is slow."""
    return ssl.create_default_context()


def _error_words(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: the service's certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "TLS: no agreement with the service; does it speak https on this port?"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return "no answer in time"
    return "the service cannot be reached"
