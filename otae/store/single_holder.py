"""One at a time among several processes: whoever holds the turn does the work, the others look again later."""

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

#: Key of the clock's advisory lock; another one than the migrations'.
CLOCK_LOCK = 0x6F746163


class Turn:
    """The clock's turn: an advisory lock on a connection of its own, a locked file beside SQLite.

    Gone with the process or its connection, so that a clock that died holds nobody up.
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

    async def mine(self) -> bool:
        """Tell whether this process has the turn, taking it when nobody has; raises DatabaseAway."""
        if self._lock is None:
            return self._mine_by_file()
        return await self._lock.is_held() or await self._lock.take(wait=False)

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


@contextmanager
def only_server(settings: Settings) -> Iterator[None]:
    """Be the one `serve` of an OTAE_HOME for the length of the block; CannotStart, naming the other, when there is one.

    On a platform any number may serve.
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
