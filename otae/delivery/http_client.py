"""One HTTP request to a service of somebody else's: guarded, bounded, and clear about what may have happened.

The name is resolved once and the connection goes to what it resolved to; TLS still proves the name. Redirects are not
followed, proxies and cookies of the machine's environment not used, answers not unpacked.
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

#: Longest answer that is read, in bytes.
LONGEST = 64 * 1024
#: Seconds for a connection to one address.
CONNECT = 10


@dataclass(frozen=True)
class HttpRequest:
    """What is asked for. Only the method prints: everything else may hold a secret, a PIN or a number."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class HttpAnswer:
    """What was answered. ``tls``: version and cipher, "" in clear."""

    status: int
    text: str = field(repr=False)
    tls: str = ""


async def call(request: HttpRequest, *, private: bool, patience: float, before_end: BeforeEnd) -> HttpAnswer:
    """Make one request and return its answer, whatever its status; ``patience``: seconds for all of it.

    ``private``: whether private networks, this machine and http without TLS are allowed. ``before_end`` is awaited when
    the connection stands and nothing was said on it. Raises Unreachable when nothing was said, OutcomeUnknown when no
    whole answer came after that, and what ``before_end`` raises.
    """
    addresses = await _resolve(request.url, private=private)
    context = await asyncio.to_thread(_context, ssl.get_default_verify_paths())
    said = _Said(before_end)
    try:
        async with asyncio.timeout(patience):
            return await _first(request, addresses, context, said)
    except NotSent:
        raise
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
        if said.anything:
            raise OutcomeUnknown("no whole answer came after the request was sent") from error
        raise Unreachable(_words(error)) from error


def host_and_port(url: str) -> tuple[str, int]:
    """Return where a call to ``url`` goes; ValueError for what is no address."""
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
class _Said:
    """Whether anything was said on the line; asked at the first byte of a request."""

    before_end: BeforeEnd
    anything: bool = False

    async def trace(self, event: str, _info: object) -> None:
        if event == "http11.send_request_headers.started":
            await self.before_end()
            self.anything = True


async def _first(
    request: HttpRequest, addresses: list[outgoing.Address], context: ssl.SSLContext, said: _Said
) -> HttpAnswer:
    """Ask the first address that can be reached."""
    for at, address in enumerate(addresses):
        try:
            return await _ask(request, str(address.where[0]), context, said)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            if at == len(addresses) - 1:
                raise
    raise Unreachable("no address")


async def _ask(request: HttpRequest, address: str, context: ssl.SSLContext, said: _Said) -> HttpAnswer:
    named = httpx2.URL(request.url)
    headers = {"Host": named.netloc.decode("ascii"), "Accept-Encoding": "identity", "User-Agent": "otae"}
    transport = httpx2.AsyncHTTPTransport(verify=context, trust_env=False)
    async with httpx2.AsyncClient(
        transport=transport, trust_env=False, timeout=httpx2.Timeout(None, connect=CONNECT), follow_redirects=False
    ) as client:
        built = client.build_request(
            request.method,
            named.copy_with(host=address),
            headers=[*headers.items(), *request.headers],
            content=request.content or None,
            extensions={"sni_hostname": named.raw_host.decode("ascii"), "trace": said.trace},
        )
        answer = await client.send(built, stream=True)
        try:
            text = await _bounded(answer)
            return HttpAnswer(answer.status_code, text, _tls(answer))
        finally:
            await answer.aclose()


async def _bounded(answer: httpx2.Response) -> str:
    kept = bytearray()
    async for piece in answer.aiter_raw():
        kept += piece
        if len(kept) > LONGEST:
            raise OutcomeUnknown("the answer is longer than allowed")
    return kept.decode("utf-8", "replace")


def _tls(answer: httpx2.Response) -> str:
    stream = answer.extensions.get("network_stream")
    agreed = stream.get_extra_info("ssl_object") if stream is not None else None
    return f"{agreed.version()} {agreed.cipher()[0]}" if agreed else ""


@cache
def _context(_paths: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """Return what trusts the machine's own authorities; reading them takes a while."""
    return ssl.create_default_context()


def _words(error: Exception) -> str:
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
