"""Sockets and TLS for a public server: handshakes have a timeout, and each network a maximum of connections.

What follows the handshake has limits of its own (`request_timeouts`, `middleware`). Behind a router that terminates
TLS, every connection comes from the router and none is counted.
"""

import asyncio
import errno
import resource
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections import Counter
from typing import Any, Final

from otae.errors import CannotStart
from otae.web.client_address import client_address, network_of
from otae.web.request_timeouts import HeadTimeoutProtocol

#: Seconds in which a handshake has to be done.
HANDSHAKE_SECONDS = 10
#: Most connections of one network (/24, /64); a quarter of the file limit where that is less.
MAX_PER_NETWORK = 1000
#: The largest file limit to set; more connections would be too many for one process.
MAX_FILES: Final = 65_536


def raise_file_limit() -> int:
    """Raise this process's limit of open files to the hard limit, MAX_FILES at most, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft == resource.RLIM_INFINITY or soft >= limit:
        return MAX_FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Bind ``port`` on every address of ``host``; CannotStart when that fails.

    Call it before the setup link is printed, which happens once: a server that cannot start would waste it.
    """
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            sockets.append(sock := socket.socket(family, kind, protocol))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
    except OSError as error:
        for sock in sockets:
            sock.close()
        why = {
            errno.EADDRINUSE: "another program listens there; end it, or choose another port",
            errno.EACCES: "this user may not listen there; choose a port from 1024 on",
        }.get(error.errno or 0, error.strerror)
        raise CannotStart(f"port {port} of {host} cannot be opened: {why}") from None
    return sockets


class NetworkLimit:
    """Counts the connections of each network.

    Args:
        most: Connections that one network may have; None for no limit.
    """

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.open_connections: Counter[str] = Counter()

    def acquire(self, network: str) -> bool:
        """Count one more connection; return False when the network has the maximum already."""
        if self.most is not None and self.open_connections[network] >= self.most:
            return False
        self.open_connections[network] += 1
        return True

    def release(self, network: str) -> None:
        """Count one connection less."""
        self.open_connections[network] -= 1
        if not self.open_connections[network]:
            del self.open_connections[network]


class BoundedTLS(SSLProtocol):
    """The TLS protocol of one connection; a connection over its network's limit is aborted at once."""

    limit: NetworkLimit
    network: str | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - the loop's own
        """Begin the handshake, or abort the connection."""
        network = network_of(client_address({"type": "http", "client": transport.get_extra_info("peername")}, 0))
        if not self.limit.acquire(network):
            transport.abort()
            return
        self.network = network
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release the connection from its network's limit."""
        if self.network is None:
            unused: Any = self
            unused._get_app_transport().close()  # noqa: SLF001 - TLS never began: nobody else closes it
            return
        self.limit.release(self.network)
        super().connection_lost(exc)


def tls_protocol_factory(context: ssl.SSLContext, *, bounded: bool) -> Any:  # noqa: ANN401 - what uvicorn makes protocols with
    """Return a factory of TLS protocols for uvicorn.

    Args:
        bounded: Whether each network has a maximum of connections.
    """
    limit = NetworkLimit(min(MAX_PER_NETWORK, raise_file_limit() // 4) if bounded else None)

    def make(*arguments: Any, **options: Any) -> BoundedTLS:  # noqa: ANN401 - uvicorn's own
        protocol = HeadTimeoutProtocol(*arguments, **options)
        loop = asyncio.get_running_loop()
        secured = BoundedTLS(
            loop, protocol, context, _ignored_result(loop), server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        secured.limit = limit
        return secured

    return make


def _ignored_result(loop: asyncio.AbstractEventLoop) -> "asyncio.Future[Any]":
    """Return the future that the loop resolves when a handshake ends; its failure is neither awaited nor logged."""
    ended: asyncio.Future[Any] = loop.create_future()
    ended.add_done_callback(lambda done: done.cancelled() or done.exception())
    return ended
