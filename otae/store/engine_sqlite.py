"""The SQLite engine: the ORM's own with transactions that take the write lock at once and always release it.

The ORM's transaction begins deferred, so two processes that read and then write get "database is locked"; and when its
begin fails or is cancelled, its lock is never released and the process hangs. Both are corrected here.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tortoise.backends.base.client import (
    ConnectionWrapper,
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.connection import get_connection, get_connections

from otae.store.outage import translate_driver_errors


class _StatementConnection(ConnectionWrapper[Any]):
    """The connection, held for one statement; translates the driver's errors."""

    __slots__ = ()

    async def __aenter__(self) -> Any:  # noqa: ANN401 - the driver's own
        await self._lock.acquire()
        try:
            with translate_driver_errors():
                await self.ensure_connection()
        except BaseException:
            self._lock.release()
            raise
        return self.connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        if error is not None:
            with translate_driver_errors():
                raise error


class RowCountClient(SqliteClient):
    """Returns how many rows a statement itself changed; the ORM's own count includes triggers and cascades."""

    @translate_exceptions
    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[dict[str, Any]]]:
        """Run a statement; return the number of rows changed, or else read, and the rows read."""
        query = query.replace("\x00", "'||CHAR(0)||'")
        async with self.acquire_connection() as connection:
            self.log.debug("%s: %s", query, values)
            # One hop to the connection's thread, as the driver's own shorthands, which return no count.
            done: tuple[int, list[Any]] = await connection._execute(_run, connection._conn, query, values or [])  # noqa: SLF001 - see above
            return done


def _run(raw: sqlite3.Connection, query: str, values: list[Any]) -> tuple[int, list[Any]]:
    cursor = raw.execute(query, values)
    rows = cursor.fetchall()
    return (cursor.rowcount if cursor.rowcount > 0 else len(rows)), rows


class ImmediateTransaction(RowCountClient, SqliteTransactionWrapper):
    """A transaction that takes the database's write lock when it begins."""

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        """Return the connection for one statement."""
        return _StatementConnection(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(ImmediateTransaction(self))

    async def begin(self) -> None:
        """Begin with the write lock held.

        Raises:
            DatabaseAway: another process holds the lock for longer than busy_timeout.
        """
        with translate_driver_errors():
            await self._connection.execute("BEGIN IMMEDIATE")


class SnapshotTransaction(ImmediateTransaction):
    """A transaction that reads one snapshot of the database, while others write (the journal is a WAL)."""

    async def begin(self) -> None:
        """Begin, and read once: a deferred transaction takes its snapshot with the first read."""
        with translate_driver_errors():
            await self._connection.execute("BEGIN DEFERRED")
            await self._connection.execute_fetchall("SELECT count(*) FROM sqlite_schema")


class ShieldedContext(SqliteTransactionContext):
    """Commits or rolls back in a task of its own, which goes on when the caller is cancelled."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            with translate_driver_errors():
                await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            await self._end_shielded(commit=False)
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return self.connection  # type: ignore[no-any-return]  # the base class keeps it untyped

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        get_connections().reset(self.token)
        await self._end_shielded(commit=exc_type is None)

    async def _end_shielded(self, *, commit: bool) -> None:
        await asyncio.shield(asyncio.ensure_future(self._finish(commit=commit)))

    async def _finish(self, *, commit: bool) -> None:
        raw = self.connection._connection  # noqa: SLF001 - the wrapper has no public way to the driver
        try:
            if raw is None or self.connection._finalized:  # noqa: SLF001 - same
                return
            self.connection._finalized = True  # noqa: SLF001 - same
            with translate_driver_errors():
                if not commit:
                    await raw.rollback()
                    return
                try:
                    await raw.commit()
                except BaseException:
                    await raw.rollback()
                    raise
        finally:
            self._trxlock.release()


class SerialClient(RowCountClient):
    """The connection of one process."""

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        """Return the connection for one statement.

        Raises:
            RuntimeError: the caller is in a transaction, and the statement would wait forever for its end.
        """
        if not isinstance(get_connection(self.connection_name), ImmediateTransaction):
            return _StatementConnection(self._lock, self)
        raise RuntimeError("this query was made before the transaction that it is run in: make it inside")

    def _in_transaction(self) -> TransactionContext:
        return ShieldedContext(ImmediateTransaction(self), self._lock)

    def read_snapshot(self) -> TransactionContext:
        """Open a transaction that reads one snapshot."""
        return ShieldedContext(SnapshotTransaction(self), self._lock)

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        """Run ``query`` once for each of ``values``, in one transaction."""
        async with self._in_transaction() as connection:
            await connection.execute_many(query, values)


client_class = SerialClient
