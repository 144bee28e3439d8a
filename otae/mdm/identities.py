"""Which certificates speak for a Mac: one, and while it is renewed the one before it, until the new one was used."""

from datetime import datetime
from typing import Final
from uuid import UUID

from otae.authority import revocation
from otae.enrollment import sessions
from otae.mdm import queue
from otae.store.models import Certificate, Enrollment

#: Who revokes, in the audit log.
ACTOR: Final = "check-in"


async def forget_previous(enrollment: Enrollment, now: datetime) -> None:
    """Revoke what the pinned certificate took the place of; call it inside a transaction, when the new one was used.

    With it go identities that an earlier renewal brought and the Mac never used, and the renewal that waits is done.
    """
    if enrollment.previous_certificate_id is None:
        return
    await Enrollment.filter(id=enrollment.id).update(previous_certificate_id=None)
    await revoke(enrollment.previous_certificate_id, now)
    pinned = await Certificate.get(id=enrollment.certificate_id)
    older = Certificate.filter(session_id=enrollment.session_id, purpose=sessions.MDM_IDENTITY, revoked_at=None)
    for spare in await older.filter(created_at__lt=pinned.created_at):
        await revoke(spare.id, now)
    await queue.close_renewals(enrollment, now=now)
    enrollment.previous_certificate_id = None


async def revoke_spares(enrollment: Enrollment, now: datetime) -> None:
    """Revoke the session's MDM identities of downloads that led nowhere: none of them may check in any more."""
    spares = Certificate.filter(session_id=enrollment.session_id, purpose=sessions.MDM_IDENTITY, revoked_at=None)
    for spare in await spares.exclude(id=enrollment.certificate_id):
        await revoke(spare.id, now)


async def revoke(certificate_id: UUID, now: datetime, reason: revocation.Reason = "superseded") -> None:
    """Revoke the identity with this row id."""
    await revocation.revoke(await Certificate.get(id=certificate_id), reason, now=now, actor=ACTOR)
