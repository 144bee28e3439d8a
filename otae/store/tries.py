"""Counters of failures, each changed by one statement, so that no two processes ever miss one another."""

from datetime import datetime, timedelta

from tortoise.expressions import F

from otae.errors import SlowDown
from otae.store.models import Counter

#: A person and network wait this long after the n-th failure in a row; the last value stays.
DELAYS = (0, 0, 0, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 900)


async def check_not_blocked(key: str, now: datetime) -> None:
    """Raise SlowDown while ``key`` has to wait."""
    row = await Counter.get_or_none(key=key)
    if row and row.blocked_until and row.blocked_until > now:
        raise SlowDown(int((row.blocked_until - now).total_seconds()) + 1)


async def count(key: str, now: datetime, window: timedelta) -> int:
    """Count one failure under ``key`` and return how many there are in the running window."""
    await Counter.get_or_create(defaults={"window_start": now}, key=key)
    await Counter.filter(key=key, window_start__lte=now - window).update(failures=0, window_start=now)
    await Counter.filter(key=key).update(failures=F("failures") + 1)
    return (await Counter.get(key=key)).failures


async def delay(key: str, failures: int, now: datetime) -> None:
    """Let ``key`` wait as long as its ``failures`` in a row ask for."""
    seconds = DELAYS[min(failures, len(DELAYS) - 1)]
    if seconds:
        await Counter.filter(key=key).update(blocked_until=now + timedelta(seconds=seconds))


async def spent_until(key: str, limit: int, now: datetime, window: timedelta) -> datetime | None:
    """Return until when `spend` would refuse; None when it would not. Counts nothing."""
    row = await Counter.get_or_none(key=key, failures__gte=limit, window_start__gt=now - window)
    return row.window_start + window if row else None


async def take_back(key: str) -> None:
    """Give one counted try back: it was not a failure after all."""
    await Counter.filter(key=key, failures__gt=0).update(failures=F("failures") - 1)


async def forget(key: str) -> None:
    """Start ``key`` afresh."""
    await Counter.filter(key=key).delete()


async def spend(key: str, limit: int, now: datetime, window: timedelta) -> None:
    """Take one of ``limit`` failures that ``key`` has in each window; SlowDown when none is left."""
    await Counter.get_or_create(defaults={"window_start": now}, key=key)
    await Counter.filter(key=key, window_start__lte=now - window).update(failures=0, window_start=now)
    if await Counter.filter(key=key, failures__lt=limit).update(failures=F("failures") + 1) != 1:
        row = await Counter.get(key=key)
        raise SlowDown(max(1, int((row.window_start + window - now).total_seconds())))
