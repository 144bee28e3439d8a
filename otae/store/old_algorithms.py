"""Statistics of old algorithms that Macs still use, for administrators who consider refusing them.

Counted in memory and flushed to the database every FLUSH_INTERVAL; a crash loses at most what was not flushed.
"""

from collections import Counter as Tally
from dataclasses import dataclass
from datetime import datetime, timedelta

from otae.store.failure_counters import STATISTICS_PREFIX as PREFIX
from otae.store.failure_counters import increment
from otae.store.models import Counter
from otae.store.resources import Resources

#: Algorithm → the server property that refuses it.
REFUSED_BY = {"sha1": "mac.sha1", "des-ede3-cbc": "scep.des3"}
#: Least time between two writes of one algorithm's count.
FLUSH_INTERVAL = timedelta(seconds=30)


class UnwrittenCounts:
    """Uses that this process counted and did not write yet, and when each algorithm's count was written last."""

    def __init__(self) -> None:
        self.pending: Tally[str] = Tally()
        self.flushed_at: dict[str, datetime] = {}


@dataclass(frozen=True)
class Usage:
    """How many messages used an algorithm, and when the last of them was counted."""

    messages: int
    last: datetime


async def count_use(resources: Resources, *algorithms: str, now: datetime) -> None:
    """Count a message from a Mac under each of its ``algorithms`` that is in REFUSED_BY; others are not counted."""
    counts = resources.get(UnwrittenCounts)
    for name in REFUSED_BY.keys() & algorithms:
        counts.pending[name] += 1
        if name not in counts.flushed_at or now - counts.flushed_at[name] >= FLUSH_INTERVAL:
            number, counts.pending[name], counts.flushed_at[name] = counts.pending[name], 0, now
            await increment(PREFIX + name, now, number)


async def usage() -> dict[str, Usage]:
    """Return the counts by the name of the server property that would refuse the algorithm."""
    rows = await Counter.filter(key__startswith=PREFIX)
    return {REFUSED_BY[row.key.removeprefix(PREFIX)]: Usage(row.failures, row.window_start) for row in rows}
