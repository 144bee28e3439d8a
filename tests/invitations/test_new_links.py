"""A new link asked for many times at once is one mail."""

import asyncio

import pytest

from otae.invitations import lifecycle, new_links
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, Invitation, Pin
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def test_asked_for_twenty_times_at_once_it_is_sent_once(desk: Desk) -> None:
    now = await database.now()
    await add_person(desk, "ben")
    made = await lifecycle.create(
        desk, InvitationOrder("ben", InvitationTerms(mode="two_factor")), now=now, actor="ada"
    )
    await Invitation.filter(id=made.invitation.id).update(valid_until=now)
    await lifecycle.expire_due(now)

    async def ask() -> None:
        row = await Invitation.get(id=made.invitation.id).prefetch_related("person")
        await new_links.request(desk, row, network="192.0.2.0/24", now=now)

    await asyncio.gather(*(ask() for _ in range(20)))
    again = Delivery.filter(invitation_id=made.invitation.id, generation__gt=1)
    assert sorted(row.kind for row in await again) == ["pin", "url"]
    assert await Pin.filter(invitation_id=made.invitation.id, active=True).count() == 1
    assert await Event.filter(kind="link.requested").count() == 1


@pytest.mark.parametrize(("link", "bare", "offered"), [(3, 2, True), (3, 3, False), (6, 0, False)])
async def test_nine_wrong_entries_over_all_pins_and_doors_end_it(
    desk: Desk, link: int, bare: int, *, offered: bool
) -> None:
    now = await database.now()
    await add_person(desk, "ben")
    made = await lifecycle.create(
        desk, InvitationOrder("ben", InvitationTerms(mode="username_pin")), now=now, actor="ada"
    )
    await Pin.all().update(link_tries=link, bare_tries=bare)
    await lifecycle.resend(desk, made.invitation, now=now, actor="ada")
    await Pin.filter(active=True).update(link_tries=3)
    row = await Invitation.get(id=made.invitation.id).prefetch_related("person")
    assert row.status == "pending", "nobody has noticed yet that the tries are used up"
    assert (await new_links.offer(row, now=now) == new_links.Offer(pin=True)) is offered
    await new_links.request(desk, row, network="192.0.2.0/24", now=now)
    assert await Delivery.filter(generation=3).exists() is offered
    later = await new_links.offer(row, now=now)
    assert later is None, "sent, or only an administrator can"
