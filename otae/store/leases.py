"""Leases: one worker at a time has a job, a group invitation, a campaign, an import or a mail to an administrator.

What a claim wrote into ``lease_until`` is also the proof that the row is still its own: two claims never write the same
time, for the second waits until the first has ended. Extending, giving back and ending compare it, so that a worker
that was paused for longer than its lease takes nothing away from the one that followed it. Messages are claimed many at
once and are held by their attempt number: `otae.delivery.queue.claims`.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.errors import StaleState
from otae.store.models import AdministratorMail, Campaign, GroupInvitation, Job, PeopleImport

#: How long one step of a group invitation or an import may take before another worker goes on with it.
LEASE: Final = timedelta(seconds=60)

Work: TypeAlias = AdministratorMail | Campaign | GroupInvitation | Job | PeopleImport
AnyWork = TypeVar("AnyWork", AdministratorMail, Campaign, GroupInvitation, Job, PeopleImport)


async def claim(
    kind: type[AnyWork],
    row_id: UUID,
    statuses: Collection[str],
    now: datetime,
    *,
    lease: timedelta = LEASE,
    **changes: object,
) -> AnyWork | None:
    """Take a row that nobody holds and that has one of ``statuses``; None when there is none.

    ``changes``: further columns set in the same statement.
    """
    until = now + lease
    free = kind.filter(_free(now), id=row_id, status__in=statuses)
    if await free.update(lease_until=until, **changes) != 1:
        return None
    row = await kind.get(id=row_id)
    row.lease_until = until  # what was written: by now the row may be another worker's
    return row


def held(row: Work) -> QuerySet[Any]:
    """Select the row while this claim holds it; nothing once another worker has taken it."""
    return type(row).filter(id=row.id, lease_until=row.lease_until, lease_until__isnull=False)


async def extend(row: Work, now: datetime) -> None:
    """Begin the lease of a row anew. Raises StaleState when the row is no longer held by this claim."""
    until = now + LEASE
    if await held(row).update(lease_until=until) != 1:
        raise StaleState(f"{type(row).__name__} {row.id}: another worker took over")
    row.lease_until = until


async def give_back(row: Work) -> None:
    """End the lease of a row, so that the next step need not wait for it; another worker's lease stays."""
    await held(row).update(lease_until=None)
    row.lease_until = None


async def waiting(
    kind: type[AnyWork], statuses: Collection[str], now: datetime, *, limit: int | None = None
) -> list[UUID]:
    """Return the ids of the rows of these statuses that nobody holds, the oldest first."""
    free = kind.filter(_free(now), status__in=statuses).order_by("created_at").only("id")
    return [row.id for row in await (free if limit is None else free.limit(limit))]


def _free(now: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)
