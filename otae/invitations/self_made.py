"""Invitations that people make for themselves: the name of their maker, and how many may be live at a time."""

from datetime import datetime
from typing import Final
from uuid import UUID

from tortoise.expressions import Q

from otae.errors import TooManyInvitations
from otae.store.models import Invitation, Person
from otae.store.states import InvitationStatus

#: Who made or changed an invitation, where that was the invited person.
ACTOR: Final = "the invited person"
MAX_LIVE: Final = 2
#: Who made the invitation that carries the request for approval of somebody who started without one.
SELF_STARTED: Final = "portal"


async def count_live(person_id: UUID, *, now: datetime, besides: UUID | None = None) -> int:
    """Return how many invitations that the person made for themselves can be used now, not counting ``besides``."""
    live = Q(valid_until=None) | Q(valid_until__gt=now)
    made = Invitation.filter(live, person_id=person_id, created_by=ACTOR, status=InvitationStatus.PENDING)
    return await made.exclude(id=besides).count() if besides else await made.count()


async def check_number(person_id: UUID, *, now: datetime, besides: UUID | None = None) -> None:
    """Raise TooManyInvitations unless the person may have one more such invitation that can be used.

    Call it first in the transaction that makes one usable. ``besides``: an invitation that is not counted.

    The person's row is locked until the transaction ends, so that two at the same moment count like two in turn.
    """
    await Person.filter(id=person_id).select_for_update().first()
    if await count_live(person_id, now=now, besides=besides) >= MAX_LIVE:
        raise TooManyInvitations
