"""A pool of bound connections to each directory: opened on demand, reused, failed over, and aborted when they hang.

ldap3 blocks, so that every query runs in a thread. A directory may use CONCURRENCY threads at a time, so that a slow
one delays neither another directory nor any other request.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from otae import outgoing
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
#: Seconds for which a server that could not be reached is tried last.
AVOID_SECONDS = 60.0
#: Steps that fail because of one server: the next server is tried.
SERVER_TROUBLE: Final = frozenset({"resolve", "connect", "tls", "answer"})


@dataclass
class _State:
    """The pool of this process: idle connections with their time of return, and unreachable servers with an end."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    idle: dict[tuple[Endpoint, str], list[tuple[float, Connection]]] = field(default_factory=dict)
    avoided: dict[tuple[str, int], float] = field(default_factory=dict)


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


_STATE: Final = _State()
_THREADS: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="directory")
_SEMAPHORES: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Endpoint, asyncio.Semaphore]]" = WeakKeyDictionary()


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


async def ask(
    endpoint: Endpoint,
    work: Callable[[Connection], Result],
    *,
    dedicated: bool = False,
    time_limit: float | None = None,
) -> Result:
    """Run ``work`` in a thread with a bound connection and return its result.

    Broken idle connections and unreachable servers are replaced by the next one.

    Args:
        endpoint: the directory to connect to.
        work: called with the connection, possibly more than once; blocks.
        dedicated: use a new connection that is not bound, and close it afterwards.
        time_limit: seconds for everything, instead of the usual limit.

    Raises:
        DirectoryUnavailable: no server answered in time, or a server refused.
    """
    limit = time_limit or min(LONGEST_QUERY, endpoint.timeout * TIMEOUTS_PER_QUERY)
    try:
        async with asyncio.timeout(limit):
            return await _ask(endpoint, work, dedicated=dedicated)
    except TimeoutError:
        reason = TIMED_OUT
    except LdapError as error:
        reason = f"{error.step}: {error}"
    raise DirectoryUnavailable(reason)


def close_idle(endpoint: Endpoint | None = None) -> None:
    """Close the idle connections of ``endpoint``, None for all, and forget which servers were unreachable."""
    with _STATE.lock:
        keys = [key for key in _STATE.idle if endpoint in {None, key[0]}]
        connections = [connection for key in keys for _, connection in _STATE.idle.pop(key, [])]
        _STATE.avoided.clear()
    for connection in connections:
        connection.close()


async def _ask(endpoint: Endpoint, work: Callable[[Connection], Result], *, dedicated: bool) -> Result:
    failure = LdapError("resolve", "no host")
    for host in _by_reachability(endpoint):
        try:
            return await _ask_host(endpoint, host, work, dedicated=dedicated)
        except LdapError as error:
            if error.step not in SERVER_TROUBLE:
                raise
            failure = error
            with _STATE.lock:
                _STATE.avoided[host, endpoint.port] = time.monotonic() + AVOID_SECONDS
    raise failure


async def _ask_host(endpoint: Endpoint, host: str, work: Callable[[Connection], Result], *, dedicated: bool) -> Result:
    """Run ``work`` on an idle connection to ``host``, else on a new one.

    Broken connections are discarded. A silent one costs its timeout once: the time limit leaves enough for the other
    server or, without one, for a new connection, because a firewall may have dropped the idle one.
    """
    while not dedicated and (kept := _take_idle(endpoint, host)) is not None:
        try:
            return await _in_thread(endpoint, partial(_with_connection, endpoint, kept, work))
        except LdapError as error:
            if error.step not in SERVER_TROUBLE:
                raise
            if str(error) == TIMED_OUT:
                _discard_idle(endpoint, host)
                if len(endpoint.hosts) > 1:
                    raise
    addresses = await _resolve(endpoint, host)
    return await _in_thread(
        endpoint, partial(_with_new_connection, endpoint, (host, addresses), work, dedicated=dedicated)
    )


async def _resolve(endpoint: Endpoint, host: str) -> list[Address]:
    try:
        return await outgoing.resolve(host, endpoint.port, private=True, loopback=endpoint.loopback)
    except AddressRefused as error:
        raise LdapError("resolve", f"{host}: {error.words}") from None
    except OSError:
        raise LdapError("resolve", f"{host}: the name does not resolve") from None


async def _in_thread(endpoint: Endpoint, work: Callable[[_InUse], Result]) -> Result:
    """Run ``work`` in a thread once the directory has one free; cancelling aborts its connection and so ends it."""
    loop = asyncio.get_running_loop()
    semaphore = _SEMAPHORES.setdefault(loop, {}).setdefault(endpoint, asyncio.Semaphore(CONCURRENCY))
    await semaphore.acquire()
    in_use = _InUse()
    future = loop.run_in_executor(_THREADS, work, in_use)

    def done(ended: "asyncio.Future[Result]") -> None:
        semaphore.release()
        if not ended.cancelled():
            ended.exception()  # retrieved, so that asyncio does not log that it never was

    future.add_done_callback(done)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        in_use.abandon()
        raise


def _with_new_connection(
    endpoint: Endpoint,
    server: tuple[str, list[Address]],
    work: Callable[[Connection], Result],
    in_use: _InUse,
    *,
    dedicated: bool,
) -> Result:
    """Run ``work`` on a new connection to one server; ``dedicated``: it is not bound and not kept."""
    host, addresses = server
    connection = None
    failure = LdapError("connect", "no address")
    for address in addresses:
        try:
            connection = open_connection(endpoint, host, str(address.sockaddr[0]), in_use.attach)
            break
        except LdapError as error:
            failure = error
            if error.step == "tls" or in_use.abandoned:
                break
    if connection is None:
        raise failure
    try:
        if not dedicated:
            connection.sign_in(endpoint.bind_name, endpoint.password.encode())
    except BaseException:
        connection.close()
        raise
    return _with_connection(endpoint, connection, work, in_use, keep=not dedicated)


def _with_connection(
    endpoint: Endpoint,
    connection: Connection,
    work: Callable[[Connection], Result],
    in_use: _InUse,
    *,
    keep: bool = True,
) -> Result:
    """Run ``work`` on a connection, and return that to the pool unless ``keep`` is off, it broke or was abandoned."""
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
        if keep and not broken and not in_use.abandoned:
            _put_back(endpoint, connection)
        else:
            connection.close()


def _take_idle(endpoint: Endpoint, host: str) -> Connection | None:
    """Take the connection to ``host`` that was used last, and close those of all hosts that were idle for too long."""
    now = time.monotonic()
    old: list[Connection] = []
    with _STATE.lock:
        for each in endpoint.hosts:
            idle = _STATE.idle.get((endpoint, each), [])
            old += [connection for since, connection in idle if since + IDLE_SECONDS <= now]
            idle[:] = [kept for kept in idle if kept[0] + IDLE_SECONDS > now]
        ready = _STATE.idle.get((endpoint, host))
        taken = ready.pop()[1] if ready else None
    for connection in old:
        connection.close()
    return taken


def _discard_idle(endpoint: Endpoint, host: str) -> None:
    with _STATE.lock:
        connections = [connection for _, connection in _STATE.idle.pop((endpoint, host), [])]
    for connection in connections:
        connection.abort()
        connection.close()


def _put_back(endpoint: Endpoint, connection: Connection) -> None:
    with _STATE.lock:
        idle = _STATE.idle.setdefault((endpoint, connection.host), [])
        room = len(idle) < IDLE_CONNECTIONS
        if room:
            idle.append((time.monotonic(), connection))
    if not room:
        connection.close()


def _by_reachability(endpoint: Endpoint) -> list[str]:
    """Return the hosts, those that were recently unreachable last."""
    now = time.monotonic()
    with _STATE.lock:
        return sorted(endpoint.hosts, key=lambda host: _STATE.avoided.get((host, endpoint.port), 0) > now)
