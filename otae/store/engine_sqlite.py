"""The SQLite engine: the ORM's own, with transactions that take the write lock at once and always give it back.

The ORM's transaction begins deferred, so that two processes which read and then write find "database is locked"; and
when its begin fails or is cancelled, its lock is never released and the process hangs. Both are closed here.
"""

import asyncio
import sqlite3
from types import TracebackType
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError


class ImmediateWrapper(SqliteTransactionWrapper):
    """A transaction that holds the database's write lock from its first moment."""

    async def begin(self) -> None:
        """Take the write lock; OperationalError when another process keeps it past busy_timeout."""
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error


class ReadingWrapper(ImmediateWrapper):
    """A transaction that sees one moment of the database, and keeps nobody from writing (the journal is a WAL)."""

    async def begin(self) -> None:
        """Fix the moment: a deferred transaction begins with its first read."""
        await self._connection.execute("BEGIN DEFERRED")
        await self._connection.execute_fetchall("SELECT count(*) FROM sqlite_schema")


class SettlingContext(SqliteTransactionContext):
    """Ends every transaction in a task of its own, which a cancelled caller cannot take along."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
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
            if not commit:
                await raw.rollback()
                return
            try:
                await raw.commit()
            except BaseException:
                await raw.rollback()
                raise
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error
        finally:
            self._trxlock.release()


class SafeClient(SqliteClient):
    """The connection of one process."""

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
