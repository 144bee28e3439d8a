"""Signs of life of the processes: that they live, what they did last, and with which master keys they were started."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otae.store.models import Heartbeat

#: How long the sign of a process that ended without a word is kept.
KEPT = timedelta(days=1)
#: A process that has not been heard of for this long is taken for dead.
SILENCE = timedelta(seconds=30)
#: What takes longer than this has got stuck; a worker only when it has done nothing else meanwhile.
STUCK = timedelta(minutes=10)
#: The clock does something every few seconds; for this long it may be busy with something else.
IDLE = timedelta(seconds=60)

WEB, WORKER, CLOCK = "web", "worker", "clock"


@dataclass
class Activity:
    """What one process does and did, by its own steady clock; `beat` turns that into times of the database."""

    started: float = field(default_factory=time.monotonic)
    done: str = ""
    done_at: float = 0
    _doing: dict[int, tuple[str, float]] = field(default_factory=dict)
    _count: int = 0

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Be at ``what`` for the length of the block; when it ends without an error, it is what was done last."""
        self._count += 1
        number = self._count
        self._doing[number] = (what, time.monotonic())
        try:
            yield
        finally:
            self._doing.pop(number)
        self.done, self.done_at = what, time.monotonic()

    def oldest(self) -> tuple[str, float] | None:
        """Return what the process has been at the longest, and since when."""
        return next(iter(self._doing.values()), None)


async def beat(
    name: str, role: str, *, now: datetime, activity: Activity | None = None, key_ids: Sequence[str] = ()
) -> None:
    """Record that the process ``name`` lives, and what it does. ``role``: WEB, WORKER or CLOCK."""
    told = activity or Activity()

    def at(moment: float) -> datetime:
        return now - timedelta(seconds=time.monotonic() - moment)

    under_way = told.oldest()
    values = {
        "at": now,
        "started_at": at(told.started),
        "done": told.done[:60],
        "done_at": at(told.done_at) if told.done else None,
        "doing": under_way[0][:60] if under_way else "",
        "doing_since": at(under_way[1]) if under_way else None,
        "key_ids": ",".join(key_ids)[:200],
    }
    if await Heartbeat.filter(name=name[:100]).update(**values) == 0:
        await Heartbeat.update_or_create(defaults={"role": role, **values}, name=name[:100])
        await Heartbeat.filter(at__lt=now - KEPT).delete()


async def forget(name: str) -> None:
    """Take the sign of life away: the process ends in order."""
    await Heartbeat.filter(name=name[:100]).delete()


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong with a process. ``kind``: "none", "dead", "idle" or "stuck"; ``process``: which one."""

    role: str
    kind: str
    process: str = ""
    what: str = ""
    since: datetime | None = None


async def troubles(*, now: datetime) -> list[Trouble]:
    """Return what is wrong with worker and clock: none at all, one that ended, one that is stuck or does nothing."""
    rows = await Heartbeat.all().order_by("at")
    return [trouble for role in (WORKER, CLOCK) for trouble in _of_role(role, [r for r in rows if r.role == role], now)]


def _of_role(role: str, rows: Sequence[Heartbeat], now: datetime) -> Iterator[Trouble]:
    alive = [row for row in rows if row.at >= now - SILENCE]
    if not alive:
        last = rows[-1] if rows else None
        yield Trouble(role, "none", last.name if last else "", since=last.at if last else None)
        return
    for row in _not_replaced([row for row in rows if row not in alive], alive):
        yield Trouble(role, "dead", row.name, since=row.at)
    stuck = [row for row in alive if _is_stuck(row, now)]
    for row in stuck:
        yield Trouble(role, "stuck", row.name, row.doing, row.doing_since)
    if role == CLOCK and not stuck:
        yield from _idle_clock(rows, alive, now)


def _is_stuck(row: Heartbeat, now: datetime) -> bool:
    if row.doing_since is None or row.doing_since >= now - STUCK:
        return False
    return row.role == CLOCK or row.done_at is None or row.done_at < now - STUCK


def _not_replaced(ended: Sequence[Heartbeat], alive: Sequence[Heartbeat]) -> list[Heartbeat]:
    """Return those of ``ended`` in whose place none of ``alive`` was started; each stands for one."""
    starts = sorted(row.started_at for row in alive if row.started_at is not None)
    left = []
    for row in ended:
        replacement = next((start for start in starts if start > row.at), None)
        if replacement is None:
            left.append(row)
        else:
            starts.remove(replacement)
    return left


def _idle_clock(rows: Sequence[Heartbeat], alive: Sequence[Heartbeat], now: datetime) -> Iterator[Trouble]:
    """Give the clock that holds the turn and does nothing: the one that did something last, dead or alive."""
    if any(row.started_at is None or row.started_at > now - IDLE for row in alive):
        return  # one that has just begun, or is of a release that did not say
    busy = [row for row in rows if row.done_at is not None]
    last = max(busy, key=lambda row: row.done_at or now, default=None)
    if last is None or (last.done_at or now) < now - IDLE:
        holder = last or alive[0]
        yield Trouble(CLOCK, "idle", holder.name, holder.done, holder.done_at)


async def lacking_key(key_id: str, *, now: datetime) -> list[str]:
    """Return the running processes that were started without the master key ``key_id``; those that do not say count."""
    rows = await Heartbeat.filter(at__gte=now - SILENCE, role__in=(WEB, WORKER, CLOCK)).order_by("name")
    return [row.name for row in rows if key_id not in row.key_ids.split(",")]
