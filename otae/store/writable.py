"""Checks that the database can still be written to: one that is read-only or full is not ready."""

import shutil
import time
from typing import Final

from otae.settings import Settings
from otae.store.database import now
from otae.store.models import Heartbeat

MIB: Final = 1024 * 1024
#: Free bytes on SQLite's disk: least for being ready, and below which an operator is warned.
MIN_FREE, LOW_FREE = 32 * MIB, 512 * MIB
#: Name of the heartbeat row that the check writes.
ROW: Final = "write-check"
#: Seconds for which a process reuses its last check: anybody may call `/readyz`, and it should cost little.
CACHE_SECONDS = 5.0


async def try_to_write() -> None:
    """Write one small row; raises DatabaseAway or DatabaseDamaged."""
    moment = await now()
    if await Heartbeat.filter(name=ROW).update(at=moment) == 0:
        await Heartbeat.update_or_create(defaults={"role": "check", "at": moment}, name=ROW)


def free_space(settings: Settings) -> int | None:
    """Return the free bytes on SQLite's disk; None with PostgreSQL."""
    return shutil.disk_usage(settings.home).free if settings.embedded else None


class Readiness:
    """Whether the installation is ready, for `/readyz`; remembers when this process last tried to write."""

    def __init__(self) -> None:
        self._last_write: float | None = None

    async def failing_part(self, settings: Settings) -> str:
        """Return "disk" when it is full, "" when all is well; raises DatabaseAway or DatabaseDamaged."""
        free = free_space(settings)
        if free is not None and free < MIN_FREE:
            return "disk"
        if self._last_write is None or time.monotonic() - self._last_write > CACHE_SECONDS:
            await try_to_write()
            self._last_write = time.monotonic()
        else:
            await now()
        return ""
