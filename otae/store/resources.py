"""What a process keeps in memory while it runs: connections, threads, queues and caches (ADR 0028).

`app` and `tasks.runtime` make one object for each process, hand it down in the desk and close it at the end. No module
keeps anything of the process by itself, so that each test gets new ones with its desk.
"""

from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar, runtime_checkable

Kept = TypeVar("Kept")


@runtime_checkable
class Closable(Protocol):
    """Something that has to be closed when the process ends."""

    def close(self) -> Awaitable[None]:
        """Give back what it holds."""


class Resources:
    """The resources of one process, one object of each class; the rooms that use them define the classes."""

    def __init__(self) -> None:
        self._kept: dict[type, Any] = {}

    def get(self, kind: type[Kept]) -> Kept:
        """Return the object of the class ``kind``, made at the first call; call it only in the event loop's thread."""
        if kind not in self._kept:
            self._kept[kind] = kind()
        kept: Kept = self._kept[kind]
        return kept

    async def close(self) -> None:
        """Close every object that has to be, the newest first."""
        while self._kept:
            _, kept = self._kept.popitem()
            if isinstance(kept, Closable):
                await kept.close()
