"""Locks between processes: one clock works at a time, and one `serve` per OTAE_HOME."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import IO, Self

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store.advisory import AdvisoryLock
from otae.store.database import credentials, make_home

#: Key of the clock's advisory lock; differs from that of migrations.
CLOCK_LOCK = 0x6F746163


class ClockLock:
    """The lock of the working clock: an advisory lock on a connection of its own, or a locked file beside SQLite.

    Released when the process or its connection ends, so that a crashed clock does not block the others.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = None if settings.embedded else AdvisoryLock(credentials(settings), CLOCK_LOCK)
        self._file: IO[str] | None = None
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if self._lock is not None:
            await self._held.enter_async_context(self._lock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._held.aclose()
        if self._file is not None:
            self._file.close()

    async def try_acquire(self) -> bool:
        """Return whether this process holds the lock, acquiring it when it is free.

        Raises:
            DatabaseAway: the database cannot be reached.
        """
        if self._lock is None:
            return self._try_acquire_file()
        return await self._lock.is_held() or await self._lock.acquire(wait=False)

    def _try_acquire_file(self) -> bool:
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


@contextmanager
def single_server(settings: Settings) -> Iterator[None]:
    """Be the only `serve` of an OTAE_HOME during the block; with PostgreSQL any number may run.

    Raises:
        CannotStart: another one runs; names its process id.
    """
    if not settings.embedded:
        yield
        return
    make_home(settings)
    with (settings.home / "otae.serve").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            other = file.read(20).strip() or "unknown"
            raise CannotStart(
                f"another `otae serve` (process {other}) runs on OTAE_HOME {settings.home}: end it first"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
