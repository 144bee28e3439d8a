"""Counters of failures: a try is counted before it is looked at, and given back when it was no failure.

A counter is changed by conditional statements alone, so that of twenty tries sent at the same moment no more get
through than one after the other would, whatever the process.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from tortoise.expressions import F, Q

from otae.errors import SlowDown
from otae.store import old_algorithms
from otae.store.models import Counter

#: A statement that another process beat is tried again this often; by then as many others have been counted.
ROUNDS: Final = 50
#: Counters that say where they came from end this long after their last failure, and one place has so many; the oldest
#: go first. Others are kept for two days.
FROM_A_NETWORK, MOST_FROM_A_NETWORK, KEPT = timedelta(hours=1), 1000, timedelta(days=2)
#: What keys of one network's share begin with; they end after an hour as well.
SHARE: Final = "share:"
#: Marks that are no counters begin so, and are kept this long after they were last confirmed.
MARK, MARK_KEPT = "known:", timedelta(days=90)


@dataclass(frozen=True)
class Waits:
    """How failures under one key slow the next try down.

    ``seconds``: how long the next try waits after the n-th failure in a row, from 0 on; the last value stays.
    ``memory``: failures are forgotten this long after the newest. ``afresh``: they are once a wait is over.
    """

    seconds: tuple[int, ...]
    memory: timedelta
    afresh: bool = False

    def after(self, failures: int) -> timedelta | None:
        """Return how long the next try waits after so many failures in a row, None for not at all."""
        seconds = self.seconds[min(failures, len(self.seconds) - 1)]
        return timedelta(seconds=seconds) if seconds else None


async def count_try(key: str, waits: Waits, now: datetime, *, network: str | None = None) -> None:
    """Count a try under ``key`` as failed, for now, and let the next one wait; SlowDown when this one has to wait.

    ``network``: where it came from, for counters of what strangers make up.
    """
    seen = await Counter.get_or_none(key=key)
    if seen is None:
        await _make(key, now, network)
        if network is not None:
            await _drop_oldest(network)
        seen = await Counter.get_or_none(key=key)
    for _ in range(ROUNDS):
        if seen is None:
            return  # somebody signed in at this very moment: there is nothing left to wait for
        if seen.blocked_until and seen.blocked_until > now:
            raise SlowDown(ceil((seen.blocked_until - now).total_seconds()))
        over = seen.window_start <= now - waits.memory or (waits.afresh and seen.blocked_until is not None)
        failures = 1 if over else seen.failures + 1
        wait = waits.after(failures)
        unchanged = Counter.filter(key=key, failures=seen.failures, blocked_until=seen.blocked_until)
        until = now + wait if wait else None
        if await unchanged.update(failures=failures, window_start=now, blocked_until=until) == 1:
            return
        seen = await Counter.get_or_none(key=key)
    raise SlowDown(1)


async def give_back(key: str, waits: Waits) -> None:
    """Take one counted try back, with the wait that it began: it was no failure."""
    await take_back(key)
    begun = (
        Counter.filter(key=key) if not waits.afresh else Counter.filter(key=key, failures__lt=len(waits.seconds) - 1)
    )
    await begun.update(blocked_until=None)


async def spent_until(key: str, limit: int, now: datetime, window: timedelta) -> datetime | None:
    """Return until when `spend` would refuse; None when it would not. Counts nothing."""
    row = await Counter.get_or_none(key=key, failures__gte=limit, window_start__gt=now - window)
    return row.window_start + window if row else None


async def take_back(key: str) -> None:
    """Take one try back that `spend` counted."""
    await Counter.filter(key=key, failures__gt=0).update(failures=F("failures") - 1)


async def forget(key: str) -> None:
    """Start ``key`` afresh."""
    await Counter.filter(key=key).delete()


async def spend(key: str, limit: int, now: datetime, window: timedelta) -> None:
    """Take one of ``limit`` failures that ``key`` has in each window; SlowDown when none is left."""
    await _make(key, now)
    await Counter.filter(key=key, window_start__lte=now - window).update(failures=0, window_start=now)
    if await Counter.filter(key=key, failures__lt=limit).update(failures=F("failures") + 1) != 1:
        row = await Counter.get_or_none(key=key)
        raise SlowDown(max(1, int((row.window_start + window - now).total_seconds())) if row else 1)


async def tally(key: str, now: datetime) -> None:
    """Count one under ``key`` without any limit."""
    await _make(key, now)
    await Counter.filter(key=key).update(failures=F("failures") + 1, window_start=now)


async def mark(key: str, now: datetime) -> None:
    """Remember ``key`` (which begins with `MARK`), until it was not marked again for a long time."""
    await _make(key, now)
    await Counter.filter(key=key).update(window_start=now)


async def is_marked(key: str, now: datetime) -> bool:
    """Tell whether ``key`` is remembered."""
    return await Counter.exists(key=key, window_start__gt=now - MARK_KEPT)


async def forget_old(now: datetime) -> int:
    """Remove counters that no longer count; return how many."""
    from_a_network = Q(network__not_isnull=True) | Q(key__startswith=SHARE)
    ended = Q(from_a_network, window_start__lte=now - FROM_A_NETWORK) | Q(window_start__lte=now - KEPT)
    kept = Q(key__startswith=old_algorithms.PREFIX) | Q(key__startswith=MARK, window_start__gt=now - MARK_KEPT)
    return await Counter.filter(ended).exclude(kept).delete()


async def _make(key: str, now: datetime, network: str | None = None) -> None:
    """See that there is a counter, in one statement: somebody else may make it, or forget it, at this very moment."""
    await Counter.bulk_create([Counter(key=key, window_start=now, network=network)], ignore_conflicts=True)


async def _drop_oldest(network: str) -> None:
    """Keep what one network can make us count within bounds."""
    newest_first = Counter.filter(network=network).order_by("-window_start", "key")
    if over := await newest_first.offset(MOST_FROM_A_NETWORK).limit(MOST_FROM_A_NETWORK).values_list("key", flat=True):
        await Counter.filter(key__in=list(over)).delete()
