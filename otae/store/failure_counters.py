"""Counters of failures: an attempt is counted as failed before it is checked, and given back when it succeeds.

A rule says what a failure costs: `Backoff` delays the next attempt, `Limit` allows so many in a window. Counters change
by conditional statements only: concurrent attempts, in any process, get no further than sequential ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from tortoise.expressions import F, Q

from otae.errors import SlowDown
from otae.store import concurrent_attempts
from otae.store.models import Counter

#: Retries of a conditional update that another process came before; by then as many attempts have been counted.
MAX_RETRIES: Final = 50
#: Life of a counter since its last failure, for counters with a network, the most of those per network (the oldest are
#: deleted first), and the life of all other counters.
NETWORK_RETENTION, NETWORK_LIMIT, RETENTION = timedelta(hours=1), 1000, timedelta(days=2)
#: Prefix of keys that count the share of one network; these expire like counters with a network.
SHARE_PREFIX: Final = "share:"
#: Prefix of the keys of `mark`, and their life since they were last marked.
MARK_PREFIX, MARK_RETENTION = "known:", timedelta(days=90)
#: Prefix of the keys of statistics (`store.old_algorithms`), which are kept.
STATISTICS_PREFIX: Final = "old-algorithm:"


@dataclass(frozen=True)
class Backoff:
    """How failures under one key delay the next attempt.

    Attributes:
        seconds: delay after 0, 1, 2 … failures in a row; the last value applies to all further ones.
        memory: failures are forgotten this long after the newest.
        reset_after_wait: failures are also forgotten when a delay is over.
    """

    seconds: tuple[int, ...]
    memory: timedelta
    reset_after_wait: bool = False

    def after(self, failures: int) -> timedelta | None:
        """Return the delay of the next attempt after so many failures in a row, None for no delay."""
        seconds = self.seconds[min(failures, len(self.seconds) - 1)]
        return timedelta(seconds=seconds) if seconds else None


@dataclass(frozen=True)
class Limit:
    """How many failures one key may have in a window, which begins with the first."""

    failures: int
    window: timedelta


Rule = Backoff | Limit


async def count(key: str, rule: Rule, now: datetime, *, network: str | None = None) -> None:
    """Count an attempt under ``key`` as failed, until it is given back.

    With a backoff, a sign-in that would be refused waits for the attempts of others under ``key`` that this process is
    checking: one of them may be given back.

    Args:
        network: where it came from, for keys that a stranger can invent: their number is limited per network.

    Raises:
        SlowDown: this attempt comes before the delay or the window is over; says how long that lasts.
    """
    if isinstance(rule, Limit):
        await _count_in_window(key, rule, now)
        return
    while True:
        try:
            await _count_in_a_row(key, rule, now, network)
            break
        except SlowDown:
            if not await concurrent_attempts.wait_for_another(key):
                raise
    concurrent_attempts.begin(key)


async def give_back(key: str, rule: Rule) -> None:
    """Uncount one attempt, and end the delay that it began."""
    await Counter.filter(key=key, failures__gt=0).update(failures=F("failures") - 1)
    if isinstance(rule, Limit):
        return
    delayed = Counter.filter(key=key)
    if rule.reset_after_wait:
        delayed = delayed.filter(failures__lt=len(rule.seconds) - 1)
    await delayed.update(blocked_until=None)
    concurrent_attempts.end(key)


async def exhausted_until(key: str, rule: Limit, now: datetime) -> datetime | None:
    """Return until when `count` would refuse; None when it would not. Counts nothing."""
    row = await Counter.get_or_none(key=key, failures__gte=rule.failures, window_start__gt=now - rule.window)
    return row.window_start + rule.window if row else None


async def blocked(prefixes: Iterable[str], now: datetime, most: int) -> dict[str, datetime]:
    """Return up to ``most`` keys with one of ``prefixes`` whose next attempt has to wait, and until when."""
    asked = Q(*(Q(key__startswith=prefix) for prefix in prefixes), join_type=Q.OR)
    rows = Counter.filter(asked, blocked_until__gt=now).limit(most)
    return dict(await rows.values_list("key", "blocked_until"))


async def reset(*keys: str, prefixes: Iterable[str] = ()) -> int:
    """Delete the counters of ``keys``, and those whose key begins with one of ``prefixes``; return how many."""
    asked = Q(Q(key__in=keys), *(Q(key__startswith=prefix) for prefix in prefixes), join_type=Q.OR)
    return await Counter.filter(asked).delete()


async def _count_in_a_row(key: str, rule: Backoff, now: datetime, network: str | None) -> None:
    seen = await Counter.get_or_none(key=key)
    if seen is None:
        await _make(key, now, network)
        if network is not None:
            await _drop_oldest(network)
        seen = await Counter.get_or_none(key=key)
    for _ in range(MAX_RETRIES):
        if seen is None:
            return  # somebody signed in at this very moment: there is nothing left to wait for
        if seen.blocked_until and seen.blocked_until > now:
            raise SlowDown(ceil((seen.blocked_until - now).total_seconds()))
        over = seen.window_start <= now - rule.memory or (rule.reset_after_wait and seen.blocked_until is not None)
        failures = 1 if over else seen.failures + 1
        wait = rule.after(failures)
        unchanged = Counter.filter(key=key, failures=seen.failures, blocked_until=seen.blocked_until)
        until = now + wait if wait else None
        if await unchanged.update(failures=failures, window_start=now, blocked_until=until) == 1:
            return
        seen = await Counter.get_or_none(key=key)
    raise SlowDown(1)


async def _count_in_window(key: str, rule: Limit, now: datetime) -> None:
    await _make(key, now)
    await Counter.filter(key=key, window_start__lte=now - rule.window).update(failures=0, window_start=now)
    if await Counter.filter(key=key, failures__lt=rule.failures).update(failures=F("failures") + 1) != 1:
        row = await Counter.get_or_none(key=key)
        raise SlowDown(max(1, int((row.window_start + rule.window - now).total_seconds())) if row else 1)


async def increment(key: str, now: datetime, number: int = 1) -> None:
    """Count ``number`` under ``key``, without a limit."""
    await _make(key, now)
    await Counter.filter(key=key).update(failures=F("failures") + number, window_start=now)


async def mark(key: str, now: datetime) -> None:
    """Remember ``key``, which begins with `MARK_PREFIX`, for `MARK_RETENTION` since the last call."""
    await _make(key, now)
    await Counter.filter(key=key).update(window_start=now)


async def is_marked(key: str, now: datetime) -> bool:
    """Return whether ``key`` is remembered."""
    return await Counter.exists(key=key, window_start__gt=now - MARK_RETENTION)


async def delete_expired(now: datetime) -> int:
    """Delete expired counters and marks; return how many."""
    from_a_network = Q(network__not_isnull=True) | Q(key__startswith=SHARE_PREFIX)
    ended = Q(from_a_network, window_start__lte=now - NETWORK_RETENTION) | Q(window_start__lte=now - RETENTION)
    kept = Q(key__startswith=STATISTICS_PREFIX) | Q(key__startswith=MARK_PREFIX, window_start__gt=now - MARK_RETENTION)
    return await Counter.filter(ended).exclude(kept).delete()


async def _make(key: str, now: datetime, network: str | None = None) -> None:
    """Create the counter unless it exists, in one statement: another process may create or delete it meanwhile."""
    await Counter.bulk_create([Counter(key=key, window_start=now, network=network)], ignore_conflicts=True)


async def _drop_oldest(network: str) -> None:
    """Delete the oldest counters of a network beyond NETWORK_LIMIT."""
    newest_first = Counter.filter(network=network).order_by("-window_start", "key")
    if over := await newest_first.offset(NETWORK_LIMIT).limit(NETWORK_LIMIT).values_list("key", flat=True):
        await Counter.filter(key__in=list(over)).delete()
