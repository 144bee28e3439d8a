"""A pool of bound connections to each directory: opened on demand, reused, failed over, and aborted when they hang.

ldap3 blocks, so every query runs in a thread. A directory may use CONCURRENCY threads at a time, so that a slow one
delays neither another directory nor any other request.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from otae import outgoing
from otae.connection_pool import ConnectionPool
from otae.directory.ldap.connection import Connection, Endpoint, open_connection
from otae.directory.ldap.results import TIMED_OUT, LdapError
from otae.errors import AddressRefused, DirectoryUnavailable
from otae.outgoing import Address
from otae.store.desk import Desk
from otae.store.models import DirectoryServer

Result = TypeVar("Result")

#: Purpose of a directory's sealed bind password.
PASSWORD: Final = "directory.password"  # noqa: S105 - a purpose, not a password
#: Most queries at a time in this process: to one directory, and to all together.
CONCURRENCY: Final = 8
THREADS: Final = 32
#: The time limit of a query, failover included: this many timeouts of the directory, and at most so many seconds.
TIMEOUTS_PER_QUERY, LONGEST_QUERY = 3, 18.0
#: Seconds for which an idle connection is kept, and most idle connections of one server.
IDLE_SECONDS, IDLE_CONNECTIONS = 30.0, 4
#: Steps that fail because of one server: the next server is tried.
SERVER_TROUBLE: Final = frozenset({"resolve", "connect", "tls", "answer"})


@dataclass
class _InUse:
    """The connection that a thread is using, so that a cancelled caller can abort it."""

    connection: Connection | None = None
    abandoned: bool = False

    def attach(self, connection: Connection) -> None:
        self.connection = connection
        if self.abandoned:
            connection.abort()

    def abandon(self) -> None:
        self.abandoned = True
        if self.connection:
            self.connection.abort()


def endpoint_of(desk: Desk, row: DirectoryServer, *, port: int | None = None) -> Endpoint:
    """Return the endpoint of the directory ``row``, bind password unsealed; ``port`` replaces the configured one."""
    sealed = row.bind_password_sealed
    return Endpoint(
        hosts=tuple(host for host in (row.primary_host, row.secondary_host) if host),
        port=port or row.port,
        security=row.security,
        ca_pem=row.ca_pem,
        bind_name=row.bind_name,
        password=desk.vault.open(bytes(sealed), row.id, PASSWORD).decode() if sealed else "",
        timeout=row.timeout,
        loopback=desk.settings.embedded or desk.settings.allow_private,
    )


class LdapPool:
    """The connections of this process to directories, and the threads in which they are used."""

    def __init__(self) -> None:
        self.connections: ConnectionPool[Connection] = ConnectionPool(
            idle_seconds=IDLE_SECONDS, most_idle=IDLE_CONNECTIONS
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="directory")

    async def close(self) -> None:
        """Close the idle connections, and let the threads end."""
        self.close_idle()
        self._threads.shutdown(wait=False)

    def close_idle(self) -> None:
        """Close the idle connections."""
        for connection in self.connections.take_all():
            connection.close()

    async def ask(
        self,
        endpoint: Endpoint,
        work: Callable[[Connection], Result],
        *,
        dedicated: bool = False,
        time_limit: float | None = None,
    ) -> Result:
        """Run ``work`` in a thread with a bound connection and return its result.

        Broken idle connections and unreachable servers are replaced by the next one.

        Args:
            work: called with the connection, possibly more than once; blocks.
            dedicated: use a new connection that is not bound, and close it afterwards.
            time_limit: seconds for everything, instead of the usual limit.

        Raises:
            DirectoryUnavailable: no server answered in time, or a server refused.
        """
        limit = time_limit or min(LONGEST_QUERY, endpoint.timeout * TIMEOUTS_PER_QUERY)
        try:
            async with asyncio.timeout(limit):
                return await self._ask(endpoint, work, dedicated=dedicated)
        except TimeoutError:
            reason = TIMED_OUT
        except LdapError as error:
            reason = f"{error.step}: {error}"
        raise DirectoryUnavailable(reason)

    def by_reachability(self, endpoint: Endpoint) -> list[str]:
        """Return the hosts of ``endpoint``; those that could not be reached lately come last."""
        return sorted(endpoint.hosts, key=lambda host: self.connections.is_avoided((host, endpoint.port)))

    async def _ask(self, endpoint: Endpoint, work: Callable[[Connection], Result], *, dedicated: bool) -> Result:
        failure = LdapError("resolve", "no host")
        for host in self.by_reachability(endpoint):
            try:
                return await self._ask_host(endpoint, host, work, dedicated=dedicated)
            except LdapError as error:
                if error.step not in SERVER_TROUBLE:
                    raise
                failure = error
                self.connections.avoid((host, endpoint.port))
        raise failure

    async def _ask_host(
        self, endpoint: Endpoint, host: str, work: Callable[[Connection], Result], *, dedicated: bool
    ) -> Result:
        """Run ``work`` on an idle connection to ``host``, else on a new one.

        Broken connections are discarded. When an idle one does not respond, perhaps because a firewall dropped it, the
        others are closed at once: its timeout passes once only, and enough of the time limit is left for the other
        server or, without one, for a new connection.
        """
        for old in self.connections.take_old():
            old.close()
        while not dedicated and (kept := self.connections.take((endpoint, host))) is not None:
            try:
                return await self._in_thread(endpoint, partial(self._with_connection, endpoint, kept, work))
            except LdapError as error:
                if error.step not in SERVER_TROUBLE:
                    raise
                if str(error) == TIMED_OUT:
                    for silent in self.connections.take_all((endpoint, host)):
                        silent.abort()
                        silent.close()
                    if len(endpoint.hosts) > 1:
                        raise
        server = (host, await _resolve(endpoint, host))
        return await self._in_thread(
            endpoint, partial(self._with_new_connection, endpoint, server, work, dedicated=dedicated)
        )

    async def _in_thread(self, endpoint: Endpoint, work: Callable[[_InUse], Result]) -> Result:
        """Run ``work`` in a thread once the directory has one free; cancelling aborts its connection and so ends it."""
        limit = self.connections.limit(endpoint, CONCURRENCY)
        await limit.acquire()
        in_use = _InUse()
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, in_use)

        def done(ended: "asyncio.Future[Result]") -> None:
            limit.release()
            if not ended.cancelled():
                ended.exception()  # retrieved, so that asyncio does not log that it never was

        future.add_done_callback(done)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            in_use.abandon()
            raise

    def _with_new_connection(
        self,
        endpoint: Endpoint,
        server: tuple[str, list[Address]],
        work: Callable[[Connection], Result],
        in_use: _InUse,
        *,
        dedicated: bool,
    ) -> Result:
        """Run ``work`` on a new connection to one server; ``dedicated``: it is not bound and not kept."""
        connection = _open(endpoint, server, in_use)
        try:
            if not dedicated:
                connection.sign_in(endpoint.bind_name, endpoint.password.encode())
        except BaseException:
            connection.close()
            raise
        return self._with_connection(endpoint, connection, work, in_use, keep=not dedicated)

    def _with_connection(
        self,
        endpoint: Endpoint,
        connection: Connection,
        work: Callable[[Connection], Result],
        in_use: _InUse,
        *,
        keep: bool = True,
    ) -> Result:
        """Run ``work`` on a connection, and keep that unless ``keep`` is off, it broke or was abandoned."""
        in_use.attach(connection)
        broken = False
        try:
            return work(connection)
        except LdapError as error:
            broken = error.step in SERVER_TROUBLE
            raise
        except BaseException:
            broken = True
            raise
        finally:
            usable = keep and not broken and not in_use.abandoned
            if not usable or not self.connections.put_back((endpoint, connection.host), connection):
                connection.close()


async def _resolve(endpoint: Endpoint, host: str) -> list[Address]:
    try:
        return await outgoing.resolve(host, endpoint.port, private=True, loopback=endpoint.loopback)
    except AddressRefused as error:
        raise LdapError("resolve", f"{host}: {error.words}") from None
    except OSError:
        raise LdapError("resolve", f"{host}: the name does not resolve") from None


def _open(endpoint: Endpoint, server: tuple[str, list[Address]], in_use: _InUse) -> Connection:
    """Connect to the first address of a server that answers."""
    host, addresses = server
    failure = LdapError("connect", "no address")
    for address in addresses:
        try:
            return open_connection(endpoint, host, str(address.sockaddr[0]), in_use.attach)
        except LdapError as error:
            failure = error
            if error.step == "tls" or in_use.abandoned:
                break
    raise failure
