"""Whether anything can still be written: a database that only answers questions is of no use to anybody."""

import shutil
import time
from typing import Final

from otae.settings import Settings
from otae.store.database import now
from otae.store.models import Heartbeat

MIB: Final = 1024 * 1024
#: Bytes that SQLite's disk must have left, and below which somebody should make room.
LEAST, LITTLE = 32 * MIB, 512 * MIB
#: The row that is written to see whether it can be.
ROW: Final = "write-check"
#: Seconds for which a process believes its last try: anybody may ask, and none of them should make work.
BELIEVED = 5.0


async def try_to_write() -> None:
    """Write one small row; DatabaseAway or DatabaseDamaged when that does not work."""
    moment = await now()
    if await Heartbeat.filter(name=ROW).update(at=moment) == 0:
        await Heartbeat.update_or_create(defaults={"role": "check", "at": moment}, name=ROW)


def free_space(settings: Settings) -> int | None:
    """Return the bytes that are left where SQLite writes; None with PostgreSQL, whose disk is elsewhere."""
    return shutil.disk_usage(settings.home).free if settings.embedded else None


class Readiness:
    """What `/readyz` says, for one process."""

    def __init__(self) -> None:
        self._wrote: float | None = None

    async def failing_part(self, settings: Settings) -> str:
        """Return "disk" when it is full, "" when all is well; DatabaseAway or DatabaseDamaged."""
        free = free_space(settings)
        if free is not None and free < LEAST:
            return "disk"
        if self._wrote is None or time.monotonic() - self._wrote > BELIEVED:
            await try_to_write()
            self._wrote = time.monotonic()
        else:
            await now()
        return ""
