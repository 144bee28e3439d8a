"""Everything that the page of one invitation shows: its events, its newest session and its messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import Refusal
from otae.invitations import listing
from otae.store.models import Delivery, EnrollmentSession, Event, Invitation, Pin
from otae.store.states import DeliveryStatus, InvitationStatus, SessionStatus

InvitationRow: TypeAlias = Invitation
EventRow: TypeAlias = Event

#: Number of events on one page.
EVENTS_PER_PAGE: Final = 200
_ACTIVE = frozenset({SessionStatus.OPENED, SessionStatus.IDENTIFIED, SessionStatus.CERTIFIED, SessionStatus.CONFIGURED})


@dataclass(frozen=True)
class Details:
    """One invitation with its person fetched.

    ``session``: the newest one, or None. ``events``: `EVENTS_PER_PAGE` of them, the newest or those before a given one,
    oldest first; ``older``: whether there are earlier ones. ``deliveries``: the newest message of each kind, by kind.
    ``pin_works``: whether there is a PIN that is not used up.
    """

    invitation: Invitation
    events: list[Event]
    session: EnrollmentSession | None
    deliveries: dict[str, Delivery]
    pin_works: bool
    older: bool = False

    def is_live(self, now: datetime) -> bool:
        """Return whether a Mac is being enrolled: the newest session is neither finished nor expired."""
        session = self.session
        return session is not None and session.status in _ACTIVE and session.expires_at > now

    def is_final(self, now: datetime) -> bool:
        """Return whether nothing more will change without somebody's action."""
        if any(row.status in {DeliveryStatus.QUEUED, DeliveryStatus.SENDING} for row in self.deliveries.values()):
            return False
        status = self.invitation.status
        if status in {InvitationStatus.REDEEMED, InvitationStatus.REVOKED}:
            return True
        return status != InvitationStatus.PENDING and not self.is_live(now)


async def read(invitation_id: UUID, reach: Reach = EVERYBODY, *, before: int | None = None) -> Details | None:
    """Return everything about one invitation; None when there is none within ``reach``, or it is a rehearsal's.

    Args:
        before: Id of an event; the events before it are returned instead of the newest.
    """
    invitation = await listing.find_invitation(str(invitation_id))
    if invitation is None or invitation.rehearsal or not await reach.includes(invitation.person_id):
        return None
    session = await EnrollmentSession.filter(invitation_id=invitation_id).order_by("-opened_at").first()
    deliveries = await Delivery.filter(invitation_id=invitation_id).order_by("generation", "created_at")
    events = await listing.timeline(invitation, before=before, limit=EVENTS_PER_PAGE + 1)
    return Details(
        invitation,
        events[-EVENTS_PER_PAGE:],
        session,
        {row.kind: row for row in deliveries},
        await Pin.exists(invitation_id=invitation_id, active=True),
        len(events) > EVENTS_PER_PAGE,
    )


def refusal_of(code: str) -> type[Refusal]:
    """Return the refusal class with this stable code, `Refusal` itself for an unknown code."""
    kinds = [Refusal]
    for kind in kinds:  # grows meanwhile
        kinds += kind.__subclasses__()
    return next((kind for kind in kinds if kind.code == code), Refusal)
