"""What is kept no longer than the server property `retention.days` says: events, messages, finished sign-ins, files.

Invitations stay in their list with what they came to, Macs with their history, and the audit log whole. Each call does
a few bounded steps, so that the first one after years holds nobody up: the clock calls again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.directory.provisioning import ENDED as FILE_ENDED
from otae.store import properties
from otae.store.models import CaughtMail, Delivery, EnrollmentSession, Event, Job, PeopleImport, PeopleImportLine
from otae.store.states import DeliveryStatus, InvitationStatus, SessionStatus

#: Rows removed in one statement, and statements for one kind of row in one call.
STEP: Final = 500
STEPS: Final = 20

_SENT: Final = (DeliveryStatus.SENT, DeliveryStatus.BOUNCED, DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)
_FINISHED: Final = (SessionStatus.ENROLLED, SessionStatus.REFUSED, SessionStatus.EXPIRED)


@dataclass(frozen=True)
class Forgotten:
    """How many rows of each kind one call removed."""

    events: int
    deliveries: int
    sessions: int
    others: int

    @property
    def anything(self) -> bool:
        """Tell whether there was something to remove."""
        return any((self.events, self.deliveries, self.sessions, self.others))


async def forget_old(*, now: datetime) -> Forgotten:
    """Remove what is older than `retention.days`; return how much. Safe to run anywhere, twice.

    A message is kept while its invitation is pending: it says that it was sent. A sign-in is kept while a Mac's
    history names it.
    """
    before = now - timedelta(days=await properties.number("retention.days"))
    return Forgotten(
        events=await _remove(lambda: Event.filter(at__lt=before)),
        deliveries=await _remove(lambda: _deliveries(before)),
        sessions=await _remove(lambda: _sessions(before)),
        others=await _remove(lambda: CaughtMail.filter(caught_at__lt=before))
        + await _remove(lambda: Job.filter(finished_at__lt=before))
        + await _remove(lambda: PeopleImportLine.filter(people_import__finished_at__lt=before))
        + await _remove(lambda: _files(before)),
    )


def _deliveries(before: datetime) -> QuerySet[Delivery]:
    over = Delivery.filter(status__in=_SENT, created_at__lt=before)
    return over.exclude(invitation__status=InvitationStatus.PENDING)


def _sessions(before: datetime) -> QuerySet[EnrollmentSession]:
    over = EnrollmentSession.filter(status__in=_FINISHED, opened_at__lt=before, expires_at__lt=before)
    return over.filter(Q(enrollments__id__isnull=True))


def _files(before: datetime) -> QuerySet[PeopleImport]:
    over = PeopleImport.filter(status__in=FILE_ENDED, finished_at__lt=before)
    return over.filter(Q(lines__id__isnull=True))


async def _remove(old: Callable[[], QuerySet[Any]]) -> int:
    """Remove the rows of ``old``, some at a time; return how many."""
    removed = 0
    for _ in range(STEPS):
        ids = await old().limit(STEP).values_list("id", flat=True)
        if ids:
            removed += await old().model.filter(id__in=ids).delete()
        if len(ids) < STEP:
            break
    return removed
