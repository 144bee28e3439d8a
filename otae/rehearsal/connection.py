"""The simulated Mac's HTTP connection: TLS trust, redirection to another address, and a record of every body.

``connect_to`` works like curl's option of that name: requests for the public origin go to another base URL, while the
URL, the Host header, the TLS server name and the cookies stay those of the public origin.
"""

import ssl
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
from cryptography import x509

from otae.rehearsal.report import MacRefuses
from otae.signing.certificates import pem

#: Seconds for one request; a router in front gives up after 30.
REQUEST_TIMEOUT = 40


class ServerRefuses(MacRefuses):
    """The server refused a request; ``answer`` is its response."""

    def __init__(self, what: str, answer: "ServerResponse") -> None:
        self.answer = answer
        text = answer.content[:300].decode("utf-8", "replace").strip() if answer.is_text else answer.content_type
        super().__init__(f"{what}: the server answered {answer.status} {text}")


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """An HTTP response.

    ``content_type`` is in lower case and without parameters; ``url`` is the address after redirects.
    """

    status: int
    content_type: str
    content: bytes = field(repr=False)
    url: str
    headers: Mapping[str, str] = field(repr=False)

    @property
    def is_text(self) -> bool:
        """Whether the content is plain text."""
        return self.content_type == "text/plain"

    @property
    def code(self) -> str:
        """The refusal code: the first word of a plain text, "" for anything else."""
        return self.content.decode("utf-8", "replace").partition(" ")[0].strip() if self.is_text else ""

    def expect_ok(self, what: str) -> Self:
        """Return this response; ServerRefuses unless its status is 200."""
        if self.status != 200:
            raise ServerRefuses(what, self)
        return self


@dataclass(frozen=True, slots=True)
class RecordedBody:
    """A body that was sent or received; ``name`` ends in ".sent" or ".received"."""

    name: str
    content: bytes = field(repr=False)


class ConnectToTransport(httpx2.AsyncBaseTransport):
    """Sends requests for one origin to another base URL and leaves everything else about them unchanged."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, public_url: str, connect_to: str) -> None:
        self._inner = inner
        self._public, self._actual = httpx2.URL(public_url), httpx2.URL(connect_to)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send ``request``, to the other address when it is for the public origin."""
        if _origin(request.url) != _origin(self._public):
            return await self._inner.handle_async_request(request)
        url = request.url.copy_with(scheme=self._actual.scheme, host=self._actual.host, port=self._actual.port)
        extensions = {**request.extensions, "sni_hostname": self._public.host}
        stream = request.stream
        if not isinstance(stream, AsyncIterable):
            raise TypeError("an async client streams asynchronously")
        moved = httpx2.Request(request.method, url, headers=request.headers, stream=stream, extensions=extensions)
        return await self._inner.handle_async_request(moved)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme)


def tls_context(roots: Iterable[x509.Certificate], *, system: bool) -> ssl.SSLContext:
    """Return a client's TLS context (1.2 and later) that trusts ``roots``, and this machine's store if ``system``."""
    context = ssl.create_default_context() if system else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=pem(*roots).decode("ascii"))
    return context


class MacConnection:
    """An HTTP client that keeps cookies and records bodies; an async context manager.

    Args:
        public_url: The server's public origin.
        roots: Certificates that TLS trusts.
        system: Trust this machine's store as well, for a server behind somebody else's router.
        connect_to: A base URL to connect to instead of the public origin.
    """

    def __init__(
        self, public_url: str, roots: Sequence[x509.Certificate], *, system: bool = False, connect_to: str | None = None
    ) -> None:
        self.public_url = public_url
        self.bodies: list[RecordedBody] = []
        inner = httpx2.AsyncHTTPTransport(verify=tls_context(roots, system=system), trust_env=False)
        transport = ConnectToTransport(inner, public_url, connect_to) if connect_to else inner
        self._client = httpx2.AsyncClient(transport=transport, timeout=REQUEST_TIMEOUT, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def request(
        self,
        method: str,
        url: str,
        *,
        name: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ServerResponse:
        """Send one request, record its bodies under ``name`` and return the answer; redirects are not followed.

        Raises MacRefuses when the server cannot be reached, or its certificate is not trusted.
        """
        try:
            response = await self._client.request(method, url, content=content, headers=headers)
        except httpx2.HTTPError as error:
            where, cause = url.partition("?")[0], _tls_fault(error)  # a query may hold an invitation token
            if cause is not None:
                raise MacRefuses(f"the certificate of {where} is not trusted: {cause}") from error
            raise MacRefuses(f"{where} cannot be reached: {str(error) or type(error).__name__}") from error
        except httpx2.InvalidURL as error:
            raise MacRefuses("an address that is none") from error
        if content:
            self.bodies.append(RecordedBody(f"{name}.sent", content))
        self.bodies.append(RecordedBody(f"{name}.received", response.content))
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return ServerResponse(response.status_code, kind, response.content, str(response.url), response.headers)

    def last(self, name: str) -> bytes:
        """Return the newest body recorded under ``name``; KeyError without one."""
        for message in reversed(self.bodies):
            if message.name == name:
                return message.content
        raise KeyError(name)

    def write_to(self, folder: Path) -> list[Path]:
        """Write every recorded body into ``folder``, numbered in order, and return the files."""
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{number:03d}-{message.name}" for number, message in enumerate(self.bodies)]
        for file, message in zip(files, self.bodies, strict=True):
            file.write_bytes(message.content)
        return files


def _tls_fault(error: BaseException | None) -> str | None:
    """Return why a certificate check failed somewhere in the causes of ``error``, None for any other failure."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None
