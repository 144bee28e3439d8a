"""Two live invitations of one's own making at most, however they come to be."""

import asyncio
from datetime import timedelta

import pytest

from otae.errors import TooManyInvitations
from otae.invitations import lifecycle, self_made
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Invitation
from tests.invitations.guests import add_person, invite, order_of

pytestmark = pytest.mark.anyio


async def test_of_six_at_the_same_moment_two_are_made(desk: Desk) -> None:
    ben, now = await add_person(desk), await database.now()
    order = order_of("ben", mode="username_pin", person=ben)
    made = await asyncio.gather(
        *(lifecycle.create(desk, order, now=now, actor=self_made.ACTOR) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, TooManyInvitations) for each in made) == 4
    assert await Invitation.filter(person_id=ben.id).count() == await self_made.count_live(ben.id, now=now) == 2


async def test_an_ended_one_is_sent_again_only_where_there_is_room(desk: Desk) -> None:
    ben, now = await add_person(desk), await database.now()
    order = order_of("ben", mode="username_pin", person=ben)
    first = await lifecycle.create(desk, order, now=now, actor=self_made.ACTOR)
    second = await lifecycle.create(desk, order, now=now, actor=self_made.ACTOR)
    await lifecycle.resend(desk, second.invitation, now=now, actor=self_made.ACTOR)
    later = now + timedelta(hours=25)
    for _ in range(2):
        await lifecycle.create(desk, order, now=later, actor=self_made.ACTOR)
    with pytest.raises(TooManyInvitations):
        await lifecycle.resend(desk, first.invitation, now=later, actor=self_made.ACTOR)
    await lifecycle.resend(desk, first.invitation, now=later, actor="ada")


async def test_invitations_of_administrators_do_not_count(desk: Desk) -> None:
    created = await invite(desk, "username_pin")
    await invite(desk, "username_pin")
    assert await self_made.count_live(created.invitation.person_id, now=await database.now()) == 0
