"""Long work that workers do step by step: a row is taken for a while, given back or free again when its worker died."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from tortoise.expressions import Q

from otae.store.models import GroupInvitation, PeopleImport

#: How long one step may take before another worker goes on with the row.
LEASE: Final = timedelta(seconds=60)

Work = TypeVar("Work", GroupInvitation, PeopleImport)


async def claim(kind: type[Work], row_id: UUID, moving: Collection[str], now: datetime) -> Work | None:
    """Take a row for one step; None when somebody else has it, or its status is not one of ``moving``."""
    if await kind.filter(_free(now), id=row_id, status__in=moving).update(lease_until=now + LEASE) != 1:
        return None
    return await kind.get(id=row_id)


async def hold_on(row: GroupInvitation | PeopleImport, now: datetime) -> None:
    """Keep a row for a further lease."""
    await type(row).filter(id=row.id).update(lease_until=now + LEASE)


async def let_go(row: GroupInvitation | PeopleImport) -> None:
    """Give a row back, so that the next step needs not wait for the lease to end."""
    await type(row).filter(id=row.id).update(lease_until=None)


async def waiting(kind: type[Work], moving: Collection[str], now: datetime) -> list[UUID]:
    """Return the rows that a worker should be hinted at, the oldest first."""
    free = kind.filter(_free(now), status__in=moving).order_by("created_at")
    return [row.id for row in await free.only("id")]


def _free(now: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)
