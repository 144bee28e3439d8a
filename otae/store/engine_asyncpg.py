"""The PostgreSQL engine: the ORM's own with a connection pool that waits, also behind a pooler such as PgBouncer.

Unlike the ORM's own, a transaction releases its connection when it cannot begin. A connection returns to the pool
without the driver's four statements that reset a session: they cost as much as a query, and nothing here leaves state
in a session. `outage` translates the driver's errors.
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
from otae.store.outage import translate_driver_errors

#: Seconds that a caller waits for a connection, of the pool or of the server.
ACQUIRE_TIMEOUT: float = 10
#: Seconds between two attempts while the server has no connection left.
RETRY_INTERVAL: float = 0.2
#: Prepared statements that the driver keeps on each connection; none behind a pooler.
STATEMENT_CACHE_SIZE: Final = 100
#: Milliseconds after which the server ends an idle transaction: a stopped process must not lock its rows for ever.
IDLE_IN_TRANSACTION: Final = "30000"
#: TCP keep-alive: idle seconds before the first probe, seconds between probes, probes until a connection is dead.
KEEP_ALIVE: Final = ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))

Value = TypeVar("Value")


class Connector:
    """Opens the connections of one process, and finds out whether a pooler such as PgBouncer is in between.

    A pooler may run every transaction on another connection of its own: prepared statements and session settings do not
    last, and startup parameters are refused. A pooler is recognised by the process id that it gives for the connection:
    it is not that of the backend that answers.

    Attributes:
        pooled: whether a pooler is in between; None before the first connection.
    """

    def __init__(self) -> None:
        self.pooled: bool | None = None

    async def __call__(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the driver's own
        """Return a connection, as the driver's `connect` does."""
        if self.pooled is None:
            connection = await asyncpg.connect(*arguments, **options, statement_cache_size=0)
            try:
                self.pooled = connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()")
            except BaseException:
                connection.terminate()  # nobody else knows it, and the server would count it until it is collected
                raise
            if self.pooled:
                return _with_keep_alive(connection)
            await connection.close()
        if self.pooled:
            return _with_keep_alive(await asyncpg.connect(*arguments, **options, statement_cache_size=0))
        given = options.pop("server_settings", None) or {}
        session = given | {"idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION}
        more = {"server_settings": session, "statement_cache_size": STATEMENT_CACHE_SIZE}
        return _with_keep_alive(await asyncpg.connect(*arguments, **options, **more))


def _with_keep_alive(connection: Any) -> Any:  # noqa: ANN401 - as above
    """Switch TCP keep-alive on, so that a peer that vanished is noticed; return the connection."""
    peer = connection._transport.get_extra_info("socket")  # noqa: SLF001 - the driver has no public way to it
    if peer is not None and peer.family in {socket.AF_INET, socket.AF_INET6}:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE:
            peer.setsockopt(socket.IPPROTO_TCP, option, value)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
    return connection


def _is_closed(connection: Any) -> bool:  # noqa: ANN401 - as above
    """Return whether ``connection`` is closed.

    A pool takes a connection back when it closes while in use; asking it then raises InterfaceError.
    """
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def retry_while_full(
    take: Callable[[float], Awaitable[Value]], is_closed: Callable[[], bool] = lambda: False
) -> Value:
    """Call ``take(seconds)`` until the server has a connection left, and return its result.

    Args:
        take: gets a connection; its argument is the time left, in seconds.
        is_closed: whether the pool it is taken from is closed.

    Raises:
        DatabaseAway: no connection within ACQUIRE_TIMEOUT, or the database cannot be reached.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + ACQUIRE_TIMEOUT
    while True:
        try:
            with translate_driver_errors(is_closed):
                return await take(max(end - loop.time(), RETRY_INTERVAL))
        except DatabaseAway as error:
            if not isinstance(error.__cause__, asyncpg.TooManyConnectionsError) or loop.time() >= end:
                raise
        await asyncio.sleep(RETRY_INTERVAL)


class _TransactionConnection(ConnectionWrapper[Any]):
    """A transaction's connection, held for one statement."""

    __slots__ = ()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        if error is not None:
            with translate_driver_errors(lambda: _is_closed(self.connection)):
                raise error


class _PooledConnection(PoolConnectionWrapper[Any]):
    """A connection of the pool, held for one statement."""

    __slots__ = ()

    async def __aenter__(self) -> Any:  # noqa: ANN401 - as above
        with translate_driver_errors():
            await self.ensure_connection()
        client: Any = self.client  # a PostgresClient: nobody else makes these
        self.connection = await client.take()
        return self.connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        closed = _is_closed(self.connection)  # after its release nothing can be asked of it
        client: Any = self.client
        pool = client._pool  # noqa: SLF001 - the ORM has no public way to its pool
        with translate_driver_errors(lambda: closed or pool is None or pool.is_closing()):
            await super().__aexit__(kind, error, traceback)
            if error is not None:
                raise error


class SafeTransaction(TransactionWrapper):
    """A transaction that translates the driver's errors."""

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        """Return the transaction's connection for one statement."""
        return _TransactionConnection(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(SafeTransaction(self))

    async def begin(self) -> None:
        """Begin; behind a pooler, set per transaction what is otherwise set once per session."""
        with translate_driver_errors(lambda: _is_closed(self._connection)):
            await super().begin()
            if isinstance(self._parent, PostgresClient) and self._parent.connector.pooled:
                await self._connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION}")

    async def commit(self) -> None:
        """Commit, with the driver's errors translated."""
        with translate_driver_errors(lambda: _is_closed(self._connection)):
            await super().commit()

    async def rollback(self) -> None:
        """Roll back, with the driver's errors translated."""
        with translate_driver_errors(lambda: _is_closed(self._connection)):
            await super().rollback()


class ReleasingContext(TransactionContextPooled):
    """Releases the connection when begin fails or is cancelled; the ORM's own leaks it until the pool is empty."""

    async def __aenter__(self) -> TransactionalDBClient:
        with translate_driver_errors():
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


async def _skip_reset(connection: object) -> None:
    """Do not reset the session: the driver has rolled back, and locks and settings are per transaction here."""


class PostgresClient(AsyncpgDBClient):
    """The connection pool of one process."""

    connector: Connector

    async def create_pool(self, **options: Any) -> Any:  # noqa: ANN401 - as above
        """Return the open pool; it connects on first use."""
        self.connector = Connector()
        return await super().create_pool(reset=_skip_reset, connect=self.connector, **options)

    async def take(self) -> Any:  # noqa: ANN401 - as above
        """Return a connection of the pool, waiting up to ACQUIRE_TIMEOUT.

        Raises:
            DatabaseAway: no connection in time, or the process is ending.
        """
        pool = self._pool
        if pool is None:
            raise DatabaseAway("the database does not answer: this process is ending")
        return await retry_while_full(lambda seconds: pool.acquire(timeout=seconds), pool.is_closing)

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        """Return a connection for one statement."""
        return _PooledConnection(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return ReleasingContext(SafeTransaction(self), self._pool_init_lock)


client_class = PostgresClient
