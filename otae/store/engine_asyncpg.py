"""The PostgreSQL engine: the ORM's own, with a small pool that waits, behind poolers too.

A transaction gives its connection back when it cannot begin. And a connection goes back to the pool without four
statements that wipe a session: they cost as much as what was asked, and nothing here leaves any state in a session.
What the driver raises is told apart by `outage`.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, TypeVar

import asyncpg  # type: ignore[import-untyped]  # ships no types
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    ConnectionWrapper,
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections

from otae.errors import DatabaseAway
from otae.store.outage import told_apart

#: Seconds in which a connection must be had: one of ours that is in use, or one that the server has left for us.
PATIENCE: float = 10
#: Seconds between two tries while the server has none left.
PAUSE: float = 0.2
#: Statements that the driver keeps prepared on each connection; none behind a pooler.
PREPARED: Final = 100
#: A process that was stopped in the middle of a transaction must not hold its rows for ever. Milliseconds.
IDLE_IN_TRANSACTION: Final = "30000"
#: Seconds of silence, between probes, and how many of those until a connection counts as dead.
KEEP_ALIVE: Final = ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))

Value = TypeVar("Value")


class Connector:
    """Opens connections of one process. ``pooled``: whether a pooler such as PgBouncer stands between; None: not known.

    A pooler may give every transaction another connection of its own: no statement stays prepared there, no setting of
    a session lasts, and parameters at the start are refused. It is told by the number of the server's process: the one
    that was named at the start is then none of the database's.
    """

    def __init__(self) -> None:
        self.pooled: bool | None = None

    async def __call__(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the driver's own
        """Return a connection, as the driver's `connect` does."""
        if self.pooled is None:
            connection = await asyncpg.connect(*arguments, **options, statement_cache_size=0)
            self.pooled = connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()")
            if self.pooled:
                return _watched(connection)
            await connection.close()
        if self.pooled:
            return _watched(await asyncpg.connect(*arguments, **options, statement_cache_size=0))
        given = options.pop("server_settings", None) or {}
        session = given | {"idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION}
        more = {"server_settings": session, "statement_cache_size": PREPARED}
        return _watched(await asyncpg.connect(*arguments, **options, **more))


def _watched(connection: Any) -> Any:  # noqa: ANN401 - as above
    """Let the system notice when the other end has gone without a word."""
    line = connection._transport.get_extra_info("socket")  # noqa: SLF001 - the driver has no public way to it
    if line is not None and line.family in {socket.AF_INET, socket.AF_INET6}:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE:
            line.setsockopt(socket.IPPROTO_TCP, option, value)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
    return connection


async def patiently(take: Callable[[float], Awaitable[Value]]) -> Value:
    """Return what ``take(seconds)`` gives; it is called again while the server has no connection left.

    Raises DatabaseAway when none was to be had within PATIENCE.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while True:
        try:
            with told_apart():
                return await take(max(end - loop.time(), PAUSE))
        except DatabaseAway as error:
            if not isinstance(error.__cause__, asyncpg.TooManyConnectionsError) or loop.time() >= end:
                raise
        await asyncio.sleep(PAUSE)


class _Line(ConnectionWrapper[Any]):
    """The connection of a transaction, for one statement."""

    __slots__ = ()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        if error is not None:
            with told_apart():
                raise error


class _PooledLine(PoolConnectionWrapper[Any]):
    """A connection of the pool, for one statement."""

    __slots__ = ()

    async def __aenter__(self) -> Any:  # noqa: ANN401 - as above
        with told_apart():
            await self.ensure_connection()
        client: Any = self.client  # a SafeClient: nobody else makes these
        self.connection = await client.take()
        return self.connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with told_apart():
            await super().__aexit__(kind, error, traceback)
            if error is not None:
                raise error


class SafeTransaction(TransactionWrapper):
    """A transaction; what the driver raises in it is told apart."""

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        """Return the transaction's connection for one statement."""
        return _Line(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(SafeTransaction(self))

    async def begin(self) -> None:
        """Begin; behind a pooler, say here what a session of our own says once."""
        with told_apart():
            await super().begin()
            if isinstance(self._parent, SafeClient) and self._parent.connector.pooled:
                await self._connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION}")

    async def commit(self) -> None:
        """Keep what was done."""
        with told_apart():
            await super().commit()

    async def rollback(self) -> None:
        """Undo what was done."""
        with told_apart():
            await super().rollback()


class ReturningContext(TransactionContextPooled):
    """The ORM's own never returns its connection when begin fails or is cancelled; a few of those stop the process."""

    async def __aenter__(self) -> TransactionalDBClient:
        with told_apart():
            await self.ensure_connection()
        parent: Any = self.client._parent  # noqa: SLF001 - the ORM has no public way to its pool
        self.client._connection = await parent.take()  # noqa: SLF001 - same
        try:
            await self.client.begin()
        except BaseException:
            await parent._pool.release(self.client._connection)  # noqa: SLF001 - same; the driver shields this from cancellation
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client


async def _leave_as_it_is(connection: object) -> None:
    """Do nothing: the driver itself has rolled back what was open, and locks and settings are a transaction's here."""


class SafeClient(AsyncpgDBClient):
    """The connection pool of one process."""

    connector: Connector

    async def create_pool(self, **options: Any) -> Any:  # noqa: ANN401 - as above
        """Return the pool, opened; it connects when first asked."""
        self.connector = Connector()
        return await super().create_pool(reset=_leave_as_it_is, connect=self.connector, **options)

    async def take(self) -> Any:  # noqa: ANN401 - as above
        """Return a connection of the pool, waiting for one; DatabaseAway when there is none in time."""
        pool = self._pool
        if pool is None:
            raise DatabaseAway("the database does not answer: this process is ending")
        return await patiently(lambda seconds: pool.acquire(timeout=seconds))

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        """Return a connection for one statement."""
        return _PooledLine(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return ReturningContext(SafeTransaction(self), self._pool_init_lock)


client_class = SafeClient
