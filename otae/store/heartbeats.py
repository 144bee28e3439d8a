"""Signs of life of the processes that work for later."""

from datetime import datetime, timedelta

from otae.store.models import Heartbeat

#: How long the sign of a process that ended is kept.
KEPT = timedelta(days=1)


async def beat(name: str, role: str, *, now: datetime) -> None:
    """Record that the process ``name`` lives. ``role``: "worker" or "clock"."""
    if await Heartbeat.filter(name=name[:100]).update(at=now) == 0:
        await Heartbeat.update_or_create(defaults={"role": role, "at": now}, name=name[:100])
        await Heartbeat.filter(at__lt=now - KEPT).delete()


async def forget(name: str) -> None:
    """Take the sign of life away: the process ends in order."""
    await Heartbeat.filter(name=name[:100]).delete()
