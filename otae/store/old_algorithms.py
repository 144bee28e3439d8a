"""How often Macs still use an old algorithm that is accepted: what an administrator wants to know before refusing it.

Counted in the process and written now and then, so that counting costs a message nothing; a crash loses seconds of it.
"""

from collections import Counter as Tally
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.expressions import F

from otae.store.models import Counter

#: Algorithm → the server property that refuses it.
REFUSED_BY = {"sha1": "mac.sha1", "des-ede3-cbc": "scep.des3"}
PREFIX = "old-algorithm:"
#: How long a process keeps what it counted to itself.
OFTEN = timedelta(seconds=30)

_waiting: Tally[str] = Tally()
_written: dict[str, datetime] = {}


@dataclass(frozen=True)
class Use:
    """How many messages used an algorithm since the first one, and when the newest was noted."""

    messages: int
    last: datetime


async def count(*algorithms: str, now: datetime) -> None:
    """Count a message that used these algorithms; those that are not old are left out."""
    for name in REFUSED_BY.keys() & algorithms:
        _waiting[name] += 1
        if name not in _written or now - _written[name] >= OFTEN:
            number, _waiting[name], _written[name] = _waiting[name], 0, now
            await _write(PREFIX + name, number, now)


async def uses() -> dict[str, Use]:
    """Return what was counted, by the server property that would refuse it."""
    rows = await Counter.filter(key__startswith=PREFIX)
    return {REFUSED_BY[row.key.removeprefix(PREFIX)]: Use(row.failures, row.window_start) for row in rows}


async def _write(key: str, number: int, now: datetime) -> None:
    row = Counter.filter(key=key)
    if not await row.update(failures=F("failures") + number, window_start=now):
        await Counter.get_or_create(defaults={"window_start": now}, key=key)
        await row.update(failures=F("failures") + number, window_start=now)
