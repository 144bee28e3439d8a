"""What the page of one invitation shows: the invitation, what happened, the newest session and its messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import Refusal
from otae.invitations import listing
from otae.store.models import Delivery, EnrollmentSession, Event, Invitation, Pin
from otae.store.states import DeliveryStatus, InvitationStatus, SessionStatus

#: Names for those who show rows and may not know the tables.
InvitationRow: TypeAlias = Invitation
EventRow: TypeAlias = Event
SessionRow: TypeAlias = EnrollmentSession

#: Events on one page.
SHOWN: Final = 200
_MOVING = frozenset({SessionStatus.OPENED, SessionStatus.IDENTIFIED, SessionStatus.CERTIFIED, SessionStatus.CONFIGURED})


@dataclass(frozen=True)
class Details:
    """One invitation, its person fetched. `session`: the newest of the invitation, or None.

    `events`: the newest `SHOWN`, or those before an older one, oldest first; `older`: whether more came before them.
    `deliveries`: the newest message of each kind, by kind. `pin_works`: a PIN exists and is not used up.
    """

    invitation: Invitation
    events: list[Event]
    session: EnrollmentSession | None
    deliveries: dict[str, Delivery]
    pin_works: bool
    older: bool = False

    def is_live(self, now: datetime) -> bool:
        """Tell whether a Mac is on its way: somebody signed in, and that session still moves."""
        session = self.session
        return session is not None and session.status in _MOVING and session.expires_at > now

    def is_final(self, now: datetime) -> bool:
        """Tell whether nothing more happens by itself."""
        if any(row.status in {DeliveryStatus.QUEUED, DeliveryStatus.SENDING} for row in self.deliveries.values()):
            return False
        status = self.invitation.status
        if status in {InvitationStatus.REDEEMED, InvitationStatus.REVOKED}:
            return True
        return status != InvitationStatus.PENDING and not self.is_live(now)


async def read(invitation_id: UUID, reach: Reach = EVERYBODY, *, before: int | None = None) -> Details | None:
    """Return everything about one invitation; None when there is none within ``reach``, or it is a rehearsal's.

    ``before``: the id of an event; those before it are shown instead of the newest.
    """
    invitation = await listing.find_invitation(str(invitation_id))
    if invitation is None or invitation.rehearsal or not await reach.includes(invitation.person_id):
        return None
    session = await EnrollmentSession.filter(invitation_id=invitation_id).order_by("-opened_at").first()
    deliveries = await Delivery.filter(invitation_id=invitation_id).order_by("generation", "created_at")
    events = await listing.timeline(invitation, before=before, limit=SHOWN + 1)
    return Details(
        invitation,
        events[-SHOWN:],
        session,
        {row.kind: row for row in deliveries},
        await Pin.exists(invitation_id=invitation_id, active=True),
        len(events) > SHOWN,
    )


def refusal_of(code: str) -> type[Refusal]:
    """Return the refusal with this stable code, for its words and advice; `Refusal` itself for one not known."""
    return _by_code(Refusal).get(code, Refusal)


def _by_code(kind: type[Refusal]) -> dict[str, type[Refusal]]:
    found = {kind.code: kind}
    for below in kind.__subclasses__():
        found |= _by_code(below)
    return found
