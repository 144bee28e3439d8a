"""Alerts about guessing: one an hour at most for each kind and object, on the dashboard until somebody has seen it.

An alert is stored as an event, and as a counter with the time when it was raised last. The counter's `blocked_until` is
set once somebody has seen it. Like other counters it is forgotten after two days.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import prometheus_client
import structlog
from tortoise.expressions import F

from otae.store import audit, failure_counters, notices
from otae.store.database import transaction
from otae.store.failure_counters import Limit
from otae.store.models import Counter, Event, Invitation
from otae.store.records import About, about, note

#: Failures from several networks on one invitation; a used-up limit over everybody; many names from one network.
NETWORKS, BUDGET, NAMES = "networks", "budget", "names"
#: Prefix of the counters' keys; kind and object follow.
PREFIX: Final = "guessing:"
#: From how many networks, and under how many names, somebody fails within an hour before it is an alert.
SEVERAL_NETWORKS, MANY_NAMES = 3, 20
HOUR: Final = timedelta(hours=1)
#: Failures of an invitation that are looked at.
MOST_FAILURES: Final = 100
#: How an event about a failed sign-in names the network, after all else.
FROM: Final = ", from "

RAISED: Final = prometheus_client.Counter("otae_guess_alerts", "Alerts about guessing, by kind.", ["kind"])
log = structlog.get_logger("otae.accounts")


@dataclass(frozen=True)
class GuessAlert:
    """An alert that nobody has seen yet. ``subject``: the network, or the person invited; "" for a budget."""

    key: str
    kind: str
    at: datetime
    subject: str = ""
    invitation_id: UUID | None = None


async def look_at_invitation(invitation: Invitation, *, now: datetime) -> None:
    """Raise an alert when sign-ins with ``invitation`` failed from several networks within an hour."""
    failed = Event.filter(kind="signin.failed", invitation_id=invitation.id, at__gt=now - HOUR).order_by("-id")
    networks = {event.detail.rpartition(FROM)[2] for event in await failed.limit(MOST_FAILURES).only("id", "detail")}
    if len(networks) >= SEVERAL_NETWORKS:
        detail = f"failures from {len(networks)} networks within an hour"
        await _raise(NETWORKS, str(invitation.id), detail, now, about(invitation))


async def look_at_names(prefix: str, network: str, *, now: datetime) -> None:
    """Raise an alert when ``network`` failed under many names within an hour.

    Args:
        prefix: That of the counters of failures under one name, which end with the network.
    """
    tried = Counter.filter(network=network, failures__gt=0, window_start__gt=now - HOUR)
    names = await tried.filter(key__startswith=f"{prefix}:", key__endswith=f":{network}").count()
    if network and names >= MANY_NAMES:
        await _raise(NAMES, network, f"{names} names tried from {network} within an hour", now)


async def look_at_limits(limits: dict[str, int], *, now: datetime) -> None:
    """Raise an alert for each of ``limits`` that is used up.

    ``limits``: failures an hour by counter key; no alert is raised for "", the limit of one network.
    """
    for key, failures in limits.items():
        if key and await failure_counters.exhausted_until(key, Limit(failures, HOUR), now):
            await _raise(BUDGET, key, f"all {failures} failures of an hour are used up", now)


async def unseen() -> list[GuessAlert]:
    """Return the alerts that nobody has seen, the newest first."""
    rows = await Counter.filter(key__startswith=PREFIX, blocked_until=None).order_by("-window_start").limit(20)
    alerts = []
    for row in rows:
        kind, _, subject = row.key.removeprefix(PREFIX).partition(":")
        alert = GuessAlert(row.key, kind, row.window_start, "" if kind == BUDGET else subject)
        if kind == NETWORKS:
            found = await Invitation.filter(id=UUID(subject)).prefetch_related("person").first()
            if found is None:
                continue
            alert = GuessAlert(row.key, kind, row.window_start, found.person.display_name, found.id)
        alerts.append(alert)
    return alerts


async def mark_seen(key: str, *, now: datetime, actor: str) -> bool:
    """Take an alert off the dashboard until it is raised again, and return whether it was there; audited."""
    async with transaction():
        if await Counter.filter(key=key, key__startswith=PREFIX, blocked_until=None).update(blocked_until=now) != 1:
            return False
        await audit.record(actor, "guessing.seen", now=now, subject=key.removeprefix(PREFIX)[:200])
    return True


async def _raise(kind: str, subject: str, detail: str, now: datetime, concerned: About | None = None) -> None:
    key, long_ago = f"{PREFIX}{kind}:{subject}", now - HOUR
    async with transaction():
        await Counter.bulk_create([Counter(key=key, window_start=long_ago)], ignore_conflicts=True)
        due = Counter.filter(key=key, window_start__lte=long_ago)
        if await due.update(window_start=now, failures=F("failures") + 1, blocked_until=None) != 1:
            return
        await note(f"guessing.{kind}", now=now, about=concerned or About(), detail=detail)
        told = {"subject": subject if kind == NAMES else "", "detail": kind}
        await notices.tell(notices.GUESSING, key=f"{key}:{now:%Y%m%d%H%M}", now=now, about=concerned or About(), **told)
    RAISED.labels(kind).inc()
    log.warning("somebody may be guessing", kind=kind)
