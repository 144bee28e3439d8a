"""Deleting invitations that have ended: hidden at once, removed by the clock unless the deletion was undone before.

With an invitation go its messages, PINs, approvals, sign-ins that led to no Mac, and its own part of the timeline. The
Mac that it enrolled stays with its history, and so do certificates and the audit log.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InvitationNotEnded, StaleState
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Enrollment, EnrollmentSession, Event, Invitation
from otae.store.session_ends import LIVE
from otae.store.states import InvitationStatus as Status

#: The states in which an invitation can be deleted.
ENDED: Final = (Status.REDEEMED, Status.EXPIRED, Status.REVOKED)
#: How long a deletion can be undone.
UNDO: Final = timedelta(seconds=10)
#: Most invitations that one call of `purge` removes.
MOST: Final = 500


async def delete(desk: Desk, invitation: Invitation, *, now: datetime, actor: str, deletion_id: UUID) -> None:
    """Hide an invitation that has ended, until the clock removes it.

    Args:
        deletion_id: What `undo` takes; the same for all that are deleted together.

    Raises:
        InvitationNotEnded: It may still be used, or a Mac is being enrolled with it.
        StaleState: It was deleted or renewed meanwhile.
    """
    del desk
    live = EnrollmentSession.filter(invitation_id=invitation.id, status__in=LIVE, expires_at__gt=now)
    if invitation.status not in ENDED or await live.exists():
        raise InvitationNotEnded
    async with transaction():
        there = Invitation.filter(id=invitation.id, status=invitation.status, deleted_at=None)
        if await there.update(deleted_at=now, deletion_id=deletion_id) != 1:
            raise StaleState(f"invitation {invitation.id} is no longer {invitation.status}")
        detail = str(invitation.person_id)
        await audit.record(actor, "invitation.deleted", now=now, subject=str(invitation.id), detail=detail)


async def undo(deletion_id: UUID, *, now: datetime, actor: str, reach: Reach = EVERYBODY) -> int:
    """Show the invitations of a deletion again, and return how many there were: none once they were removed."""
    deleted = Invitation.filter(reach.people("person_id"), deletion_id=deletion_id, deleted_at__isnull=False)
    async with transaction():
        rows = await deleted.select_for_update().only("id", "person_id")
        for row in rows:
            await audit.record(actor, "invitation.restored", now=now, subject=str(row.id), detail=str(row.person_id))
        await Invitation.filter(id__in=[row.id for row in rows]).update(deleted_at=None, deletion_id=None)
    return len(rows)


async def purge(*, now: datetime) -> int:
    """Remove invitations whose deletion can no longer be undone; return how many. Safe to run in several processes."""
    due = Invitation.filter(deleted_at__lte=now - UNDO).order_by("deleted_at")
    return sum([await _remove(row.id, now) for row in await due.limit(MOST).only("id")])


async def _remove(invitation_id: UUID, now: datetime) -> bool:
    sessions = EnrollmentSession.filter(invitation_id=invitation_id)
    async with transaction():
        # Sign-ins before the invitation, as the steps of an enrollment lock them.
        locked = [row.id for row in await sessions.order_by("id").select_for_update().only("id")]
        row = await Invitation.filter(id=invitation_id, deleted_at__lte=now - UNDO).select_for_update().first()
        if row is None:
            return False
        with_mac = await Enrollment.filter(session_id__in=locked).values_list("session_id", flat=True)
        await EnrollmentSession.filter(id__in=list(with_mac)).update(invitation_id=None)
        await Event.filter(invitation_id=invitation_id, session_id=None, device_id=None).delete()
        await row.delete()
    return True
