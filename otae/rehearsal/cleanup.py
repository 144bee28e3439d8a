"""Removes the rows of a rehearsal: everything is revoked first, then deleted; safe to run twice."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise.expressions import Q

from otae.authority import revocation
from otae.store.database import transaction
from otae.store.models import CaughtMail, Certificate, Device, Enrollment, EnrollmentSession, Event, Invitation, Person
from otae.store.states import InvitationStatus

#: A rehearsal older than this belongs to a process that died.
LEFT_BEHIND: Final = timedelta(minutes=10)


async def sweep(*, now: datetime) -> int:
    """Remove every rehearsal older than ten minutes and return how many there were; safe to run anywhere, twice."""
    old = await Person.filter(rehearsal=True, created_at__lte=now - LEFT_BEHIND).limit(100)
    for person in old:
        await remove(person.id, now=now, actor="clock")
    await CaughtMail.filter(rehearsal=True, caught_at__lte=now - LEFT_BEHIND).delete()
    await Event.filter(rehearsal=True, at__lte=now - LEFT_BEHIND).delete()
    await Device.filter(rehearsal=True, created_at__lte=now - LEFT_BEHIND).delete()
    return len(old)


async def last_refusal(person_id: UUID | None) -> str:
    """Return code and detail of the last refusal that was recorded for a rehearsal's person, "" without one."""
    refusals = Q(person_id=person_id) & Q(rehearsal=True) & ~Q(code="")
    event = await Event.filter(refusals).order_by("-id").first() if person_id else None
    return f"{event.code}: {event.detail}".rstrip(": ") if event else ""


async def remove(person_id: UUID | None, *, now: datetime, actor: str) -> None:
    """Revoke the certificates of a rehearsal's person and delete its other rows; None: it has no row yet."""
    person = await Person.get_or_none(id=person_id, rehearsal=True) if person_id else None
    if person is None:
        return
    # Revoke first, so that nothing of it works even if the rest fails.
    ended = Invitation.filter(person_id=person.id, rehearsal=True).exclude(status=InvitationStatus.REVOKED)
    await ended.update(status=InvitationStatus.REVOKED, token_sealed=None, rehearsal_ca=None)
    sessions = await EnrollmentSession.filter(person_id=person.id).values_list("id", flat=True)
    for certificate in await Certificate.filter(session_id__in=sessions, revoked_at=None):
        await revocation.revoke(certificate, "cessationOfOperation", now=now, actor=actor)
    invitations = await Invitation.filter(person_id=person.id).values_list("id", flat=True)
    devices = await Device.filter(enrollments__session_id__in=sessions, rehearsal=True).values_list("id", flat=True)
    async with transaction():
        about = Q(invitation_id__in=invitations) | Q(session_id__in=sessions) | Q(person_id=person.id)
        await Event.filter(about | Q(device_id__in=devices), rehearsal=True).delete()
        await Enrollment.filter(session_id__in=sessions).delete()
        await Device.filter(id__in=devices).delete()
        await CaughtMail.filter(recipient=person.email, rehearsal=True).delete()
        await person.delete()
