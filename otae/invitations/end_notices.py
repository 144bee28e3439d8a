"""Messages to people whose invitation was withdrawn or has expired after it had been sent."""

from datetime import datetime
from typing import Final
from uuid import UUID

from tortoise.expressions import Q

from otae.delivery.queue import outbox
from otae.delivery.queue.outcomes import DATA_PHASE
from otae.store import properties
from otae.store.models import Delivery, Invitation, Person

REVOKED: Final = "revoked"
EXPIRED: Final = "expired"
#: Messages that may have arrived: sent, interrupted after their data, or of unknown outcome.
_MAY_HAVE_ARRIVED: Final = Q(status="sent") | Q(phase=DATA_PHASE) | Q(outcome_unknown=True)


async def enqueue(invitation: Invitation, kind: str, *, now: datetime) -> UUID | None:
    """Queue the message that ``invitation`` was `REVOKED` or has `EXPIRED`, in that step's transaction; return its id.

    It goes to where the link went last. Nothing is queued, and None returned, while the server property
    notification.revoked or notification.expired is off, when the link was never sent, for a rehearsal, and for a
    disabled person.
    """
    if invitation.rehearsal or not await properties.flag(f"notification.{kind}"):
        return None
    link = Q(kind="url") | Q(kind__startswith="reminder-")
    sent = await Delivery.filter(link, _MAY_HAVE_ARRIVED, invitation_id=invitation.id).order_by("-created_at").first()
    if sent is None or await Person.exists(id=invitation.person_id, disabled=True):
        return None
    delivery = await outbox.enqueue(
        invitation, kind, invitation.generation, sent.recipient, now=now, channel=sent.channel
    )
    return delivery.id
