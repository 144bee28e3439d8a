"""The SQLite engine: the ORM's own, with transactions that take the write lock at once and always give it back.

The ORM's transaction begins deferred, so that two processes which read and then write find "database is locked"; and
when its begin fails or is cancelled, its lock is never released and the process hangs. Both are closed here.
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
from tortoise.connection import get_connections

from otae.store.outage import told_apart


class _Line(ConnectionWrapper[Any]):
    """The connection for one statement; what the driver raises is told apart."""

    __slots__ = ()

    async def __aenter__(self) -> Any:  # noqa: ANN401 - the driver's own
        await self._lock.acquire()
        try:
            with told_apart():
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
            with told_apart():
                raise error


class Counting(SqliteClient):
    """Tells how many rows a statement changed itself; the ORM's own adds what triggers and cascades changed for it."""

    @translate_exceptions
    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[dict[str, Any]]]:
        """Return how many rows were changed, or else read, and what was read."""
        query = query.replace("\x00", "'||CHAR(0)||'")
        async with self.acquire_connection() as connection:
            self.log.debug("%s: %s", query, values)
            # One hop to the connection's thread, as the driver's own shorthands, which tell no count.
            done: tuple[int, list[Any]] = await connection._execute(_run, connection._conn, query, values or [])  # noqa: SLF001 - see above
            return done


def _run(raw: sqlite3.Connection, query: str, values: list[Any]) -> tuple[int, list[Any]]:
    cursor = raw.execute(query, values)
    rows = cursor.fetchall()
    return (cursor.rowcount if cursor.rowcount > 0 else len(rows)), rows


class ImmediateWrapper(Counting, SqliteTransactionWrapper):
    """A transaction that holds the database's write lock from its first moment."""

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        """Return the connection for one statement."""
        return _Line(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(ImmediateWrapper(self))

    async def begin(self) -> None:
        """Take the write lock; DatabaseAway when another process keeps it past busy_timeout."""
        with told_apart():
            await self._connection.execute("BEGIN IMMEDIATE")


class ReadingWrapper(ImmediateWrapper):
    """A transaction that sees one moment of the database, and keeps nobody from writing (the journal is a WAL)."""

    async def begin(self) -> None:
        """Fix the moment: a deferred transaction begins with its first read."""
        with told_apart():
            await self._connection.execute("BEGIN DEFERRED")
            await self._connection.execute_fetchall("SELECT count(*) FROM sqlite_schema")


class SettlingContext(SqliteTransactionContext):
    """Ends every transaction in a task of its own, which a cancelled caller cannot take along."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            with told_apart():
                await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            await self._settle(commit=False)
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return self.connection  # type: ignore[no-any-return]  # the base class keeps it untyped

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        get_connections().reset(self.token)
        await self._settle(commit=exc_type is None)

    async def _settle(self, *, commit: bool) -> None:
        await asyncio.shield(asyncio.ensure_future(self._finish(commit=commit)))

    async def _finish(self, *, commit: bool) -> None:
        raw = self.connection._connection  # noqa: SLF001 - the wrapper has no public way to the driver
        try:
            if raw is None or self.connection._finalized:  # noqa: SLF001 - same
                return
            self.connection._finalized = True  # noqa: SLF001 - same
            with told_apart():
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


class SafeClient(Counting):
    """The connection of one process."""

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        """Return the connection for one statement."""
        return _Line(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return SettlingContext(ImmediateWrapper(self), self._lock)

    def reading(self) -> TransactionContext:
        """Open a transaction that only reads."""
        return SettlingContext(ReadingWrapper(self), self._lock)

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        """Run ``query`` for each of ``values`` in one transaction, or not at all."""
        async with self._in_transaction() as connection:
            await connection.execute_many(query, values)


client_class = SafeClient
