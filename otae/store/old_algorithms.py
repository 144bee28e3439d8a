"""Statistics of old algorithms that Macs still use, for administrators who think of refusing them.

Counted in memory and flushed to the database every FLUSH_INTERVAL; a crash loses at most what was not flushed.
"""

from collections import Counter as Tally
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.expressions import F

from otae.store.models import Counter

#: Algorithm → the server property that refuses it.
REFUSED_BY = {"sha1": "mac.sha1", "des-ede3-cbc": "scep.des3"}
PREFIX = "old-algorithm:"
#: Least time between two writes of one algorithm's count.
FLUSH_INTERVAL = timedelta(seconds=30)

_pending: Tally[str] = Tally()
_flushed_at: dict[str, datetime] = {}


@dataclass(frozen=True)
class Usage:
    """How many messages used an algorithm, and when the last of them was counted."""

    messages: int
    last: datetime


async def count_use(*algorithms: str, now: datetime) -> None:
    """Count one message that used these algorithms; only those of REFUSED_BY are counted."""
    for name in REFUSED_BY.keys() & algorithms:
        _pending[name] += 1
        if name not in _flushed_at or now - _flushed_at[name] >= FLUSH_INTERVAL:
            number, _pending[name], _flushed_at[name] = _pending[name], 0, now
            await _write(PREFIX + name, number, now)


async def usage() -> dict[str, Usage]:
    """Return the counts by the name of the server property that would refuse the algorithm."""
    rows = await Counter.filter(key__startswith=PREFIX)
    return {REFUSED_BY[row.key.removeprefix(PREFIX)]: Usage(row.failures, row.window_start) for row in rows}


async def _write(key: str, number: int, now: datetime) -> None:
    row = Counter.filter(key=key)
    if not await row.update(failures=F("failures") + number, window_start=now):
        await Counter.get_or_create(defaults={"window_start": now}, key=key)
        await row.update(failures=F("failures") + number, window_start=now)
