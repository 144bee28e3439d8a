"""Deletes a person: erases names and addresses, ends invitations, sessions and links; the audit log keeps an id.

The row itself stays, blank, because invitations, Macs and the log refer to it. Enrolled Macs stay enrolled: they are
managed until their certificates end, which are not renewed. To end that sooner, an administrator revokes the
certificates of those Macs.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from otae.directory.local.people import sign_out
from otae.errors import InvitationRedeemed, InvitationRevoked, StaleState
from otae.invitations import lifecycle
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import (
    CaughtMail,
    Delivery,
    Enrollment,
    EnrollmentSession,
    Event,
    GroupInvitee,
    Invitation,
    Membership,
    PeopleImportLine,
    Person,
)
from otae.store.session_ends import LIVE, end_sessions_of
from otae.store.states import EnrollmentStatus, InvitationStatus

#: Replaces the display name of a removed person.
REMOVED_NAME = "(removed)"
#: Events whose detail is a mail server's answer, which may contain the address.
_SERVERS_WORDS = ("delivery.deferred", "delivery.failed", "delivery.bounced")


@dataclass(frozen=True)
class Removed:
    """What deleting a person ended, and how many of the person's Macs stay enrolled."""

    invitations: int
    sessions: int
    macs: int


async def consequences(person: Person) -> Removed:
    """Count what deleting ``person`` would end, and the Macs that would stay."""
    live = [InvitationStatus.PENDING, InvitationStatus.EXPIRED, InvitationStatus.FAILED]
    invitations = Invitation.filter(person_id=person.id, status__in=live)
    sessions = EnrollmentSession.filter(person_id=person.id, status__in=LIVE)
    return Removed(await invitations.count(), await sessions.count(), await _count_macs(person))


async def remove_person(desk: Desk, person: Person, *, now: datetime, actor: str) -> Removed:
    """Delete a person: invitations are revoked, sessions, browsers and links end, names and addresses are erased.

    Safe to repeat when it was interrupted. Raises StaleState when the person was removed already.
    """
    if await Person.filter(id=person.id, removed_at=None).update(disabled=True, password_hash=None) != 1:
        raise StaleState(f"person {person.id} was removed")
    revoked = 0
    for invitation in await Invitation.filter(person_id=person.id).exclude(status=InvitationStatus.REDEEMED):
        with suppress(InvitationRedeemed, InvitationRevoked, StaleState):
            await lifecycle.revoke(desk, invitation, now=now, actor=actor)
            revoked += 1
    ended = await end_sessions_of([person.id], now=now, why="the user was deleted")
    removed = Removed(revoked, ended, await _count_macs(person))
    async with transaction():
        await _erase(person, now)
        detail = f"{removed.invitations} invitations revoked, {removed.macs} Macs stay enrolled"
        await audit.record(actor, "person.removed", now=now, subject=str(person.id), detail=detail)
    return removed


async def _count_macs(person: Person) -> int:
    return await Enrollment.filter(person_id=person.id, status=EnrollmentStatus.ENROLLED, rehearsal=False).count()


async def _erase(person: Person, now: datetime) -> None:
    """Erase everything that names the person or an address for messages."""
    blank = {"display_name": "", "email": None, "phone": None}
    alias = f"removed-{person.id.hex}"  # unique, and nobody else's user name
    await sign_out(person.id)
    await Membership.filter(person_id=person.id).delete()
    invitations = await Invitation.filter(person_id=person.id).values_list("id", flat=True)
    await Invitation.filter(person_id=person.id).update(**blank, sort_name="", note="", language="")
    await Delivery.filter(invitation_id__in=invitations).update(recipient="", answer="")
    await Event.filter(invitation_id__in=invitations, kind__in=_SERVERS_WORDS).update(detail="")
    await GroupInvitee.filter(person_id=person.id).update(name=alias, **blank)
    await PeopleImportLine.filter(name=person.name).update(name=alias, given={}, password_sealed=None)
    addresses = [address for address in (person.email, person.phone) if address]
    await CaughtMail.filter(recipient__in=addresses).delete()
    changes = blank | {"display_name": REMOVED_NAME, "name": alias, "directory_id": None, "language": ""}
    await Person.filter(id=person.id).update(
        **person.with_search_text(changes), properties={}, role="USER", disabled=True, removed_at=now
    )
