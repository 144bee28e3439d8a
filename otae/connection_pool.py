"""Connections that stay open between two uses, and what a process remembers of servers: limits and recent failures.

Mail servers are talked to on the event loop, directories in threads: the pool keeps connections and hands them out, and
whoever takes one opens, uses and closes it.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Connection = TypeVar("Connection")

#: Seconds for which a server that could not be reached is tried last.
AVOID_SECONDS: Final = 60


class ConnectionPool(Generic[Connection]):
    """Idle connections by server and account, limits of use, and servers that could not be reached a moment ago.

    Args:
        idle_seconds: How long a connection is kept without being used.
        most_idle: How many idle connections of one key are kept, None for any number.
    """

    def __init__(self, *, idle_seconds: float, most_idle: int | None = None) -> None:
        self._idle_seconds, self._most_idle = idle_seconds, most_idle
        self._lock = threading.Lock()
        self._idle: defaultdict[Hashable, list[tuple[float, Connection]]] = defaultdict(list)
        self._avoided: dict[Hashable, float] = {}
        self._limits: dict[Hashable, tuple[int, asyncio.Semaphore]] = {}

    def take(self, key: Hashable) -> Connection | None:
        """Take the connection that was used last, None when none is idle; `take_old` takes those too old to be used."""
        with self._lock:
            return self._idle[key].pop()[1] if self._idle[key] else None

    def put_back(self, key: Hashable, connection: Connection) -> bool:
        """Keep a connection; return False when there are enough and the caller has to close it."""
        with self._lock:
            has_room = self._most_idle is None or len(self._idle[key]) < self._most_idle
            if has_room:
                self._idle[key].append((time.monotonic(), connection))
        return has_room

    def take_old(self) -> list[Connection]:
        """Take every connection that was idle for too long."""
        oldest = time.monotonic() - self._idle_seconds
        old: list[Connection] = []
        with self._lock:
            for key, idle in list(self._idle.items()):
                old += [connection for since, connection in idle if since <= oldest]
                self._idle[key] = [kept for kept in idle if kept[0] > oldest]
                if not self._idle[key]:
                    del self._idle[key]
        return old

    def take_all(self, key: Hashable = None) -> list[Connection]:
        """Take every idle connection of ``key``, None for all keys."""
        with self._lock:
            taken = [self._idle.pop(each) for each in list(self._idle) if key in {None, each}]
        return [connection for idle in taken for _, connection in idle]

    def limit(self, key: Hashable, most: int) -> asyncio.Semaphore:
        """Return the semaphore that lets ``most`` use ``key`` at a time; call it only in the event loop's thread."""
        if key not in self._limits or self._limits[key][0] != most:
            self._limits[key] = (most, asyncio.Semaphore(most))
        return self._limits[key][1]

    def avoid(self, server: Hashable) -> None:
        """Remember that ``server`` could not be reached: for a minute others are tried before it."""
        self._avoided[server] = time.monotonic() + AVOID_SECONDS

    def is_avoided(self, server: Hashable) -> bool:
        """Return whether ``server`` could not be reached within the last minute."""
        return self._avoided.get(server, 0) > time.monotonic()
