"""A PIN goes its way once: by mail, to a phone, or into the hand of who asked for it."""

import asyncio

import pytest

from otae.errors import StaleState
from otae.invitations import lifecycle, pins
from otae.invitations.lifecycle import Created
from otae.settings import Settings
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation, Pin
from tests.invitations.guests import BEN, add_person, invite, queued

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """Nothing here depends on the database but the race, which `test_lifecycle` shows on both."""
    return sqlite_settings


@pytest.mark.parametrize("channel", ["shown", "card"])
async def test_a_pin_by_hand_is_seen_once_works_and_was_never_sealed(desk: Desk, channel: str) -> None:
    created = await invite(desk, pin_channel=channel, show_pin=False)
    assert await queued(created) == {"url": ("mail", "ben@example.test")}
    pin = await Pin.get(invitation_id=created.invitation.id)
    assert created.pin is not None
    assert (pin.pin_sealed, await pins.verify(desk, pin, created.pin)) == (None, True)
    assert created.pin not in repr(created)


async def test_sending_again_makes_a_new_pin_by_the_same_way_and_the_older_one_dies(desk: Desk) -> None:
    await add_person(desk, phone=BEN)
    created = await invite(desk, pin_channel="sms", show_pin=False)
    now = await database.now()
    await lifecycle.resend(desk, created.invitation, now=now, actor="ada")
    assert (await queued(created))["pin"] == ("sms", BEN)
    assert [row.generation for row in await Pin.filter(active=True)] == [2]
    assert await Delivery.filter(kind="pin", status="cancelled", generation=1, channel="sms").count() == 1
    assert await Pin.filter(generation=1, pin_sealed__not_isnull=True).count() == 0


async def test_two_who_send_again_at_once_leave_one_pin_that_works(desk: Desk) -> None:
    await add_person(desk, phone=BEN)
    created = await invite(desk, pin_channel="sms", show_pin=False)
    now = await database.now()
    rows = [await Invitation.get(id=created.invitation.id) for _ in range(4)]
    done = await asyncio.gather(
        *(lifecycle.resend(desk, row, now=now, actor="ada") for row in rows), return_exceptions=True
    )
    assert sum(isinstance(each, Created) for each in done) == 1
    assert all(isinstance(each, Created | StaleState) for each in done)
    assert await Pin.filter(active=True).count() == 1
