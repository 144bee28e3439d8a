"""One at a time among several processes: whoever holds the turn does the work, the others look again later."""

import contextlib
import fcntl
from types import TracebackType
from typing import IO, Any, Self

import asyncpg  # type: ignore[import-untyped]  # ships no types

from otae.settings import Settings
from otae.store.database import config

#: Key of the clock's advisory lock; another one than the migrations'.
CLOCK_LOCK = 0x6F746163


class Turn:
    """The clock's turn: an advisory lock on a connection of its own, a locked file beside SQLite.

    Gone with the process or its connection, so that a clock that died holds nobody up.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Any = None
        self._file: IO[str] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._connection.close(timeout=2)
        if self._file is not None:
            self._file.close()

    async def mine(self) -> bool:
        """Tell whether this process has the turn, taking it when nobody has; raises what the driver raises."""
        return self._mine_by_file() if self._settings.embedded else await self._mine_by_lock()

    def _mine_by_file(self) -> bool:
        if self._file is not None:
            return True
        file = (self._settings.home / "otae.clock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    async def _mine_by_lock(self) -> bool:
        if self._connection is not None and not self._connection.is_closed():
            try:
                await self._connection.fetchval("SELECT 1", timeout=5)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._connection.terminate()
            else:
                return True
        credentials = config(self._settings)["connections"]["default"]["credentials"]
        names = ("host", "port", "user", "password", "database", "ssl")
        connection = await asyncpg.connect(**{name: credentials[name] for name in names}, timeout=10)
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", CLOCK_LOCK):
            self._connection = connection
            return True
        await connection.close(timeout=2)
        return False
