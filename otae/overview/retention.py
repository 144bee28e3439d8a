"""Removes what is older than the server property `retention.days`: events, messages, finished sign-ins, imported files.

Invitations, Macs with their history and the audit log are kept. Each call does a few bounded steps, so that the first
one after years blocks nobody: the clock calls again.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.directory.files.provisioning import ENDED as FILE_ENDED
from otae.store import properties
from otae.store.models import (
    CaughtMail,
    Delivery,
    Enrollment,
    EnrollmentSession,
    Event,
    Job,
    PeopleImport,
    PeopleImportLine,
)
from otae.store.paging import after_values
from otae.store.states import DeliveryStatus, InvitationStatus, SessionStatus

#: Rows removed in one statement, and statements for one kind of row in one call.
ROWS_PER_STEP: Final = 500
MAX_STEPS: Final = 20

_SENT: Final = (DeliveryStatus.SENT, DeliveryStatus.BOUNCED, DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)
#: Sessions that led to an enrolled Mac are its history, and are not read again in every call.
_ENDED: Final = (SessionStatus.REFUSED, SessionStatus.EXPIRED)


KeepFilter: TypeAlias = Callable[[Collection[UUID]], Awaitable[set[UUID]]]


@dataclass(frozen=True)
class RemovedRows:
    """How many rows of each kind one call removed."""

    events: int
    deliveries: int
    sessions: int
    others: int

    @property
    def anything(self) -> bool:
        """Whether any row was removed."""
        return any((self.events, self.deliveries, self.sessions, self.others))


async def forget_old(*, now: datetime) -> RemovedRows:
    """Remove what is older than `retention.days`; return how much. Safe to repeat, and to run in several processes.

    A message is kept while its invitation is pending, as proof that it was sent. A session is kept while a Mac's
    history refers to it.
    """
    before = now - timedelta(days=await properties.number("retention.days"))
    return RemovedRows(
        events=await _remove(Event.filter(at__lt=before), "at"),
        deliveries=sum([await _remove(_deliveries(status, before), "created_at") for status in _SENT]),
        sessions=sum([await _remove(_sessions(status, before), "opened_at", _with_mac) for status in _ENDED]),
        others=await _remove(CaughtMail.filter(caught_at__lt=before), "caught_at")
        + await _remove(Job.filter(finished_at__lt=before), "finished_at")
        + await _remove(PeopleImportLine.filter(people_import__finished_at__lt=before))
        + await _remove(_files(before)),
    )


def _deliveries(status: str, before: datetime) -> QuerySet[Delivery]:
    """Return the old messages of one status: there is an index by age for each status, and none for all."""
    return Delivery.filter(status=status, created_at__lt=before).exclude(invitation__status=InvitationStatus.PENDING)


def _sessions(status: str, before: datetime) -> QuerySet[EnrollmentSession]:
    return EnrollmentSession.filter(status=status, opened_at__lt=before, expires_at__lt=before)


async def _with_mac(ids: Collection[UUID]) -> set[UUID]:
    """Return which of these sessions a Mac's history refers to."""
    rows = await Enrollment.filter(session_id__in=list(ids)).only("id", "session_id")
    return {row.session_id for row in rows}


def _files(before: datetime) -> QuerySet[PeopleImport]:
    over = PeopleImport.filter(status__in=FILE_ENDED, finished_at__lt=before)
    return over.filter(Q(lines__id__isnull=True))


async def _remove(old: QuerySet[Any], column: str = "", keep: KeepFilter | None = None) -> int:
    """Remove the rows of ``old`` in steps; return how many.

    Args:
        column: The column with the time that makes a row old. With it, each step begins where the one before ended, so
            that rows that are kept are read only once.
        keep: Returns which of the given ids are to be kept.
    """
    removed, last = 0, None
    while removed < ROWS_PER_STEP * MAX_STEPS:
        rows = old.order_by(column, "id") if column else old
        if column and last:
            rows = rows.filter(after_values((column, last[1]), ("id", last[0])))
        page = await rows.limit(ROWS_PER_STEP).values_list("id", column or "id")
        if page:
            ids = {row_id for row_id, _at in page}
            ids -= await keep(ids) if keep else set()
            removed += await old.model.filter(id__in=list(ids)).delete() if ids else 0
            last = page[-1]
        if len(page) < ROWS_PER_STEP:
            break
    return removed
