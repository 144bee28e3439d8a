"""PostgreSQL advisory locks: held by at most one process, released when its connection closes."""

import asyncio
from types import TracebackType
from typing import Any, Final, Self

from otae.store.engine_asyncpg import Connector, retry_while_full
from otae.store.outage import POSTGRES_ERRORS, translate_driver_errors

#: Seconds between two attempts to acquire a lock.
_POLL_INTERVAL: Final = 0.2
#: A statement that reads no rows and so takes no snapshot; it also closes a query that the driver left open, with the
#: snapshot of that. An index that is made CONCURRENTLY waits until a transaction that has a snapshot ends.
_WITHOUT_SNAPSHOT: Final = "SHOW transaction_read_only"


class AdvisoryLock:
    """An advisory lock on a connection of its own.

    The session holds the lock. Behind a pooler, which may change the session at any time, an open transaction holds it.

    Args:
        credentials: keyword arguments of the driver's `connect`.
        key: number of the advisory lock.
    """

    def __init__(self, credentials: dict[str, Any], key: int) -> None:
        names = ("host", "port", "user", "password", "database", "ssl", "timeout")
        self._options = {name: credentials[name] for name in names}
        self._key = key
        self._connection: Any = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            try:
                await self._connection.close(timeout=2)
            except POSTGRES_ERRORS:
                self._connection.terminate()
            self._connection = None

    async def acquire(self, *, wait: bool) -> bool:
        """Acquire the lock and return whether it is held now.

        Args:
            wait: wait until the lock is free, instead of returning False.

        Raises:
            DatabaseAway: the database cannot be reached.
        """
        connector = Connector()
        connection = await retry_while_full(lambda _seconds: connector(**self._options))
        try:
            with translate_driver_errors(connection.is_closed):
                taken = await self._acquire(connection, pooled=bool(connector.pooled), wait=wait)
        except BaseException:
            connection.terminate()
            raise
        if taken:
            self._connection = connection
        else:
            await connection.close(timeout=2)
        return taken

    async def _acquire(self, connection: Any, *, pooled: bool, wait: bool) -> bool:  # noqa: ANN401 - the driver's own
        kind = "xact_" if pooled else ""
        # Polled: a statement that waits for the lock would keep an index from being made CONCURRENTLY, which waits for
        # every running statement, by the very process that holds the lock. It also waits for the end of every
        # transaction in which a statement happened to run when it began to wait: each attempt has one of its own.
        while True:
            if pooled:
                await connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")
            taken = bool(await connection.fetchval(f"SELECT pg_try_advisory_{kind}lock($1)", self._key))
            if pooled:
                await connection.execute(_WITHOUT_SNAPSHOT if taken else "ROLLBACK")
            if taken:
                return True
            if not wait:
                return False
            await asyncio.sleep(_POLL_INTERVAL)

    async def is_held(self) -> bool:
        """Return whether the connection that holds the lock is still open."""
        if self._connection is None or self._connection.is_closed():
            return False
        try:
            await self._connection.execute(_WITHOUT_SNAPSHOT, timeout=5)
        except POSTGRES_ERRORS:
            self._connection.terminate()
            return False
        return True
