"""Heartbeats: that a process is alive, what it did last, and which master keys it was started with."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otae.store.models import Heartbeat

#: How long the heartbeat of a process that crashed is kept.
RETENTION = timedelta(days=1)
#: A process without a heartbeat for this long is dead.
DEAD_AFTER = timedelta(seconds=30)
#: A task that takes longer than this is stuck; a worker only when it has finished nothing else meanwhile.
STUCK_AFTER = timedelta(minutes=10)
#: The clock finishes something every few seconds; after this long without it is idle.
IDLE_AFTER = timedelta(seconds=60)

WEB, WORKER, CLOCK = "web", "worker", "clock"


@dataclass
class Activity:
    """What a process is doing and did last, in times of `time.monotonic`; `beat` converts them to database time."""

    started: float = field(default_factory=time.monotonic)
    done: str = ""
    done_at: float = 0
    _doing: dict[int, tuple[str, float]] = field(default_factory=dict)
    _count: int = 0

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Record ``what`` as running during the block, and as done last when the block ends without an error."""
        self._count += 1
        number = self._count
        self._doing[number] = (what, time.monotonic())
        try:
            yield
        finally:
            self._doing.pop(number)
        self.done, self.done_at = what, time.monotonic()

    def oldest(self) -> tuple[str, float] | None:
        """Return the task that has been running longest, and since when; None without any."""
        return next(iter(self._doing.values()), None)


async def beat(
    name: str, role: str, *, now: datetime, activity: Activity | None = None, key_ids: Sequence[str] = ()
) -> None:
    """Record that the process ``name`` is alive, and what it is doing.

    Args:
        role: WEB, WORKER or CLOCK.
        key_ids: ids of the master keys that the process was started with.
    """
    recorded = activity or Activity()

    def at(moment: float) -> datetime:
        return now - timedelta(seconds=time.monotonic() - moment)

    under_way = recorded.oldest()
    values = {
        "at": now,
        "started_at": at(recorded.started),
        "done": recorded.done[:60],
        "done_at": at(recorded.done_at) if recorded.done else None,
        "doing": under_way[0][:60] if under_way else "",
        "doing_since": at(under_way[1]) if under_way else None,
        "key_ids": ",".join(key_ids)[:200],
    }
    if await Heartbeat.filter(name=name[:100]).update(**values) == 0:
        await Heartbeat.update_or_create(defaults={"role": role, **values}, name=name[:100])
        await Heartbeat.filter(at__lt=now - RETENTION).delete()


async def remove(name: str) -> None:
    """Delete the heartbeat of a process that ends as it should."""
    await Heartbeat.filter(name=name[:100]).delete()


@dataclass(frozen=True)
class Problem:
    """One problem of worker or clock.

    Attributes:
        role: WORKER or CLOCK.
        kind: "none" (no such process), "dead", "idle" or "stuck".
        process: name of the process, "" when none is known.
        what: what it was doing.
        since: since when, in database time.
    """

    role: str
    kind: str
    process: str = ""
    what: str = ""
    since: datetime | None = None


async def find_problems(*, now: datetime) -> list[Problem]:
    """Return the problems of worker and clock; an empty list when both work."""
    rows = await Heartbeat.all().order_by("at")
    return [problem for role in (WORKER, CLOCK) for problem in _of_role(role, [r for r in rows if r.role == role], now)]


def _of_role(role: str, rows: Sequence[Heartbeat], now: datetime) -> Iterator[Problem]:
    alive = [row for row in rows if row.at >= now - DEAD_AFTER]
    if not alive:
        last = rows[-1] if rows else None
        yield Problem(role, "none", last.name if last else "", since=last.at if last else None)
        return
    for row in _not_replaced([row for row in rows if row not in alive], alive):
        yield Problem(role, "dead", row.name, since=row.at)
    stuck = [row for row in alive if _is_stuck(row, now)]
    for row in stuck:
        yield Problem(role, "stuck", row.name, row.doing, row.doing_since)
    if role == CLOCK and not stuck:
        yield from _idle_clock(rows, alive, now)


def _is_stuck(row: Heartbeat, now: datetime) -> bool:
    if row.doing_since is None or row.doing_since >= now - STUCK_AFTER:
        return False
    return row.role == CLOCK or row.done_at is None or row.done_at < now - STUCK_AFTER


def _not_replaced(ended: Sequence[Heartbeat], alive: Sequence[Heartbeat]) -> list[Heartbeat]:
    """Return the ended processes that were not replaced.

    A living process that started after the end of another one replaces it; each replaces one at most.
    """
    starts = sorted(row.started_at for row in alive if row.started_at is not None)
    left = []
    for row in ended:
        replacement = next((start for start in starts if start > row.at), None)
        if replacement is None:
            left.append(row)
        else:
            starts.remove(replacement)
    return left


def _idle_clock(rows: Sequence[Heartbeat], alive: Sequence[Heartbeat], now: datetime) -> Iterator[Problem]:
    """Yield the problem that no clock has finished a task lately, though one is alive.

    It names the clock that finished one last, dead or alive: that one probably holds the lock.
    """
    if any(row.started_at is None or row.started_at > now - IDLE_AFTER for row in alive):
        return  # one has just started, or is of a release that recorded no start
    busy = [row for row in rows if row.done_at is not None]
    last = max(busy, key=lambda row: row.done_at or now, default=None)
    if last is None or (last.done_at or now) < now - IDLE_AFTER:
        holder = last or alive[0]
        yield Problem(CLOCK, "idle", holder.name, holder.done, holder.done_at)


async def processes_without_key(key_id: str, *, now: datetime) -> list[str]:
    """Return the running processes without the master key ``key_id``; those that recorded no keys count as such."""
    rows = await Heartbeat.filter(at__gte=now - DEAD_AFTER, role__in=(WEB, WORKER, CLOCK)).order_by("name")
    return [row.name for row in rows if key_id not in row.key_ids.split(",")]
