"""PostgreSQL's advisory locks: one holder among all processes, gone with its connection."""

import asyncio
import contextlib
from types import TracebackType
from typing import Any, Final, Self

import asyncpg  # type: ignore[import-untyped]  # ships no types

from otae.store.engine_asyncpg import Connector, patiently
from otae.store.outage import told_apart

#: Seconds between looks whether a lock is free.
_LOOK: Final = 0.2


class AdvisoryLock:
    """The lock ``key`` on a connection of its own; ``credentials``: what the driver's `connect` takes.

    A session holds it; behind a pooler, which lends sessions, a transaction does that stays open.
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
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._connection.close(timeout=2)
            self._connection = None

    async def take(self, *, wait: bool) -> bool:
        """Take the lock and tell whether it is ours; ``wait``: as long as somebody else has it. DatabaseAway."""
        connector = Connector()
        connection = await patiently(lambda _seconds: connector(**self._options))
        try:
            with told_apart():
                taken = await self._take(connection, pooled=bool(connector.pooled), wait=wait)
        except BaseException:
            connection.terminate()
            raise
        if taken:
            self._connection = connection
        else:
            await connection.close(timeout=2)
        return taken

    async def _take(self, connection: Any, *, pooled: bool, wait: bool) -> bool:  # noqa: ANN401 - the driver's own
        kind = "xact_" if pooled else ""
        if pooled:
            await connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")
        # Asked again and again: a statement that waits for the lock would keep an index from being made CONCURRENTLY,
        # which waits for every statement that runs, by the very process that holds the lock.
        while True:
            if await connection.fetchval(f"SELECT pg_try_advisory_{kind}lock($1)", self._key):
                return True
            if not wait:
                return False
            await asyncio.sleep(_LOOK)

    async def is_held(self) -> bool:
        """Tell whether the connection that holds the lock still stands."""
        if self._connection is None or self._connection.is_closed():
            return False
        try:
            await self._connection.fetchval("SELECT 1", timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._connection.terminate()
            return False
        return True
