"""A router as in front of a PaaS: it ends TLS, says in X-Forwarded-* for whom it asks, and loses patience.

Plain HTTP goes on behind it. One request a connection keeps it small; nothing in HTTP forbids that.
"""

import asyncio
import functools
import itertools
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.ports import Identity, in_thread, make_identity

#: The largest request head it reads.
HEAD_LIMIT = 64 * 1024
UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 14\r\nConnection: close\r\n\r\n"
    b"no answer yet\n"
)


@dataclass
class TLSRouter:
    """A running router; several upstreams take turns.

    ``timeouts`` counts the requests it gave up on; a test of ours expects none.
    """

    upstreams: Iterator[int]
    identity: Identity
    first_byte_seconds: float = 30
    idle_seconds: float = 55
    port: int = 0
    timeouts: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Give ``https://localhost:port``."""
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        """Name the PEM file of the authority that vouches for the router's certificate."""
        return self.identity.ca_file

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one request and its answer."""
        try:
            async with asyncio.timeout(self.idle_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.partition(b"\r\n")[0].decode("latin-1"))
            await self.carry(self.forwarded(head, writer.get_extra_info("peername")[0]), reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, TimeoutError):
            # A caller who leaves, babbles or sleeps is cut, as a router does; there is nobody to tell.
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()

    def forwarded(self, head: bytes, peer: str) -> bytes:
        """Rewrite a request head: whom it comes from is appended, how it came is set, the connection closes."""
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        came_from: list[bytes] = []
        kept: list[bytes] = []
        for line in lines:
            name, _, value = line.partition(b":")
            if name.lower() == b"x-forwarded-for":
                came_from.append(value.strip())
            elif name.lower() not in {b"x-forwarded-proto", b"x-forwarded-port", b"x-request-id", b"connection"}:
                kept.append(line)
        added = [
            b"X-Forwarded-For: " + b", ".join([*came_from, peer.encode()]),
            b"X-Forwarded-Proto: https",
            b"X-Forwarded-Port: " + str(self.port).encode(),
            b"X-Request-Id: " + str(uuid.uuid4()).encode(),
            b"Via: 1.1 router",
            b"Connection: close",
        ]
        return b"\r\n".join([first, *kept, *added]) + b"\r\n\r\n"

    async def carry(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send the request on and bring the answer back, within the two limits."""
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", next(self.upstreams))
        except OSError:
            writer.write(UNAVAILABLE)
            await writer.drain()
            return
        up_writer.write(head)
        sending = asyncio.create_task(self.pump(reader, up_writer))
        try:
            async with asyncio.timeout(self.first_byte_seconds):
                first = await up_reader.read(65536)
            writer.write(first)
            await self.pump(up_reader, writer)
        except TimeoutError:
            self.timeouts += 1
            writer.write(UNAVAILABLE)
            await writer.drain()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            up_writer.close()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy bytes until the sender ends; a longer silence than allowed is a TimeoutError."""
        while True:
            async with asyncio.timeout(self.idle_seconds):
                piece = await reader.read(65536)
            if not piece:
                return
            writer.write(piece)
            await writer.drain()


@contextmanager
def running(*upstream_ports: int, first_byte_seconds: float = 30, idle_seconds: float = 55) -> Iterator[TLSRouter]:
    """Run a router in front of these ports of 127.0.0.1, in its own thread, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="otae-router-") as folder:
        upstreams = itertools.cycle(upstream_ports)
        router = TLSRouter(upstreams, make_identity(Path(folder)), first_byte_seconds, idle_seconds)
        context = router.identity.server_context()
        listen = functools.partial(asyncio.start_server, router.serve, "127.0.0.1", 0, ssl=context, limit=HEAD_LIMIT)
        with in_thread(listen, "router") as router.port:
            yield router


StartRouter = Callable[..., TLSRouter]


@pytest.fixture
def tls_router() -> Iterator[StartRouter]:
    """Give ``start(upstream_port, …, first_byte_seconds=30, idle_seconds=55)``; every router ends with the test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(running(*args, **options))
