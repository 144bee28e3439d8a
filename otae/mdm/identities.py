"""Revokes a Mac's identities that are no longer used.

An enrollment has one identity pinned to it. During a renewal the one before stays pinned as well, until the Mac has
used the new one.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from otae.authority import revocation
from otae.enrollment import sessions
from otae.mdm import queue
from otae.store.models import Certificate, Enrollment

#: Actor of these revocations in the audit log.
ACTOR: Final = "check-in"


async def revoke_previous(enrollment: Enrollment, now: datetime) -> None:
    """Revoke the certificate that the pinned one replaced; call it inside a transaction, once the new one was used.

    Unused identities of earlier renewals are revoked too, and the pending renewal is closed.
    """
    if enrollment.previous_certificate_id is None:
        return
    await Enrollment.filter(id=enrollment.id).update(previous_certificate_id=None)
    await revoke(enrollment.previous_certificate_id, now)
    pinned = await Certificate.get(id=enrollment.certificate_id)
    older = Certificate.filter(session_id=enrollment.session_id, purpose=sessions.MDM_IDENTITY, revoked_at=None)
    for unused in await older.filter(created_at__lt=pinned.created_at):
        await revoke(unused.id, now)
    await queue.close_renewals(enrollment, now=now)
    enrollment.previous_certificate_id = None


async def revoke_unused(enrollment: Enrollment, now: datetime) -> None:
    """Revoke the session's MDM identities from downloads that were not installed, so that none of them can check in."""
    identities = Certificate.filter(session_id=enrollment.session_id, purpose=sessions.MDM_IDENTITY, revoked_at=None)
    for unused in await identities.exclude(id=enrollment.certificate_id):
        await revoke(unused.id, now)


async def revoke(certificate_id: UUID, now: datetime, reason: revocation.Reason = "superseded") -> None:
    """Revoke the identity with this row id."""
    await revocation.revoke(await Certificate.get(id=certificate_id), reason, now=now, actor=ACTOR)
