"""A new link asked for many times at once is one mail."""

import asyncio

import pytest

from otae.invitations import lifecycle, new_links
from otae.invitations.orders import InvitationOrder
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, Invitation, Pin
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def test_asked_for_twenty_times_at_once_it_is_sent_once(desk: Desk) -> None:
    now = await database.now()
    await add_person(desk, "ben")
    made = await lifecycle.create(desk, InvitationOrder(user="ben", mode="two_factor"), now=now, actor="ada")
    await Invitation.filter(id=made.invitation.id).update(valid_until=now)
    await lifecycle.expire_due(now)

    async def ask() -> None:
        row = await Invitation.get(id=made.invitation.id).prefetch_related("person")
        await new_links.ask(desk, row, network="192.0.2.0/24", now=now)

    await asyncio.gather(*(ask() for _ in range(20)))
    again = Delivery.filter(invitation_id=made.invitation.id, generation__gt=1)
    assert sorted(row.kind for row in await again) == ["pin", "url"]
    assert await Pin.filter(invitation_id=made.invitation.id, active=True).count() == 1
    assert await Event.filter(kind="link.requested").count() == 1
