"""TLS for a server that strangers reach: a handshake has its time, and a network its share of the connections.

What follows the handshake has limits of its own (`heads`, `middleware`). Behind a router, which does TLS, every
connection is the router's, and none is counted.
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
from otae.web.request_timeouts import TimedHeads

#: Seconds in which a handshake has to be done.
HANDSHAKE_SECONDS = 10
#: Most connections of one network (/24, /64); a quarter of all where there are fewer files.
A_NETWORK = 1000
#: Most files that are asked for; more than this many connections would be too much for one process.
FILES: Final = 65_536


def raise_file_limit() -> int:
    """Let this process have as many open files as the system allows, FILES at most; return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def listening(host: str, port: int) -> list[socket.socket]:
    """Take ``port`` of every address of ``host``, for the server to listen on; CannotStart where that is not to be had.

    Done before the setup link is printed: that happens once, and a server that then cannot start would waste it.
    """
    taken: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            taken.append(sock := socket.socket(family, kind, protocol))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
    except OSError as error:
        for sock in taken:
            sock.close()
        why = {
            errno.EADDRINUSE: "another program listens there; end it, or choose another port",
            errno.EACCES: "this user may not listen there; choose a port from 1024 on",
        }.get(error.errno or 0, error.strerror)
        raise CannotStart(f"port {port} of {host} cannot be opened: {why}") from None
    return taken


class Places:
    """How many connections each network has. ``most``: how many it may have; None: as many as it likes."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.taken: Counter[str] = Counter()

    def take(self, network: str) -> bool:
        """Take a place and tell whether there was one."""
        if self.most is not None and self.taken[network] >= self.most:
            return False
        self.taken[network] += 1
        return True

    def give_back(self, network: str) -> None:
        """Give a place back."""
        self.taken[network] -= 1
        if not self.taken[network]:
            del self.taken[network]


class BoundedTLS(SSLProtocol):
    """One connection, from its first byte to its last; one more than its network may have is cut at once."""

    places: Places
    network: str | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - the loop's own
        """Begin the handshake, or cut the connection."""
        network = network_of(client_address({"type": "http", "client": transport.get_extra_info("peername")}, 0))
        if not self.places.take(network):
            transport.abort()
            return
        self.network = network
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        if self.network is None:
            unused: Any = self
            unused._get_app_transport().close()  # noqa: SLF001 - TLS never began: nobody else closes it
            return
        self.places.give_back(self.network)
        super().connection_lost(exc)


def secured_by(context: ssl.SSLContext, *, bounded: bool) -> Any:  # noqa: ANN401 - what uvicorn makes protocols with
    """Return what makes the protocol of each connection; ``bounded``: whether networks are held to their share."""
    places = Places(min(A_NETWORK, raise_file_limit() // 4) if bounded else None)

    def make(*arguments: Any, **options: Any) -> BoundedTLS:  # noqa: ANN401 - uvicorn's own
        spoken = TimedHeads(*arguments, **options)
        loop = asyncio.get_running_loop()
        secured = BoundedTLS(
            loop, spoken, context, _unheard(loop), server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        secured.places = places
        return secured

    return make


def _unheard(loop: asyncio.AbstractEventLoop) -> "asyncio.Future[Any]":
    """Return what the loop wants told when a handshake has ended; nobody waits for it, and no failure is logged."""
    ended: asyncio.Future[Any] = loop.create_future()
    ended.add_done_callback(lambda done: done.cancelled() or done.exception())
    return ended
