"""People who press twice, and a hundred times: F13 and F14 of the fault matrix."""

import asyncio
import random

import pytest

from otae.errors import Refusal, StaleState
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.models import Delivery, Invitation, Pin
from tests.chaos.house import House, console, invitation_form, until_at_rest, until_sent

pytestmark = pytest.mark.anyio

RESENDS = 100


async def test_f13_a_form_sent_twenty_times_at_once_sends_one_mail_of_each_kind(house: House, seed: int) -> None:
    await house.add_people(1)
    house.start("clock")
    house.worker()
    async with console(house) as client:
        form = await invitation_form(client, "ben0")
        answers = await asyncio.gather(*(client.post("/admin/invitations/add", data=form) for _ in range(20)))
    assert sorted({answer.status_code for answer in answers}) in ([303], [303, 409])
    house.messages = 2
    for row in await Delivery.all():
        for _ in range(20):
            house.desk.bell.ring("delivery", row.id)
    await until_sent(2)
    await house.check()
    assert len(house.smtp.messages) == 2


async def test_f14_sent_again_a_hundred_times_while_it_is_redeemed_leaves_no_pin_that_works(
    house: House, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - when to redeem, not a secret
    house.start("clock")
    house.worker()
    await house.add_people(2)
    now = await database.now()
    ben, cleo = [
        (
            await lifecycle.create(
                house.desk, InvitationOrder(name, InvitationTerms(mode="username_pin")), now=now, actor="ada"
            )
        ).invitation
        for name in ("ben0", "ben1")
    ]

    async def send_again(whose: Invitation) -> None:
        invitation = await Invitation.get(id=whose.id)
        try:
            await lifecycle.resend(house.desk, invitation, now=await database.now(), actor="ada")
        except (StaleState, Refusal):
            await asyncio.sleep(0)  # somebody else did the same just before, or it is used up

    async def redeem() -> None:
        await asyncio.sleep(dice.uniform(0.2, 1))
        await lifecycle.redeem(await Invitation.get(id=ben.id), now=await database.now())

    each = [send_again(whose) for _ in range(RESENDS) for whose in (ben, cleo)]
    await asyncio.gather(redeem(), *each)
    await until_at_rest(await Delivery.all().count())
    house.messages = await Delivery.all().count()
    await house.check()
    assert await Pin.filter(invitation_id=ben.id, active=True).count() == 0
    assert await Pin.filter(invitation_id=cleo.id, active=True).count() == 1
    assert not await Pin.exclude(pin_sealed=None).count()
