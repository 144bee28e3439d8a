"""Leaving another MDM first: what is to be confirmed, and that it counts once."""

import asyncio

import pytest

from otae.enrollment import former_mdm
from otae.invitations.campaigns import Plan
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Campaign, EnrollmentSession, Event, Invitation
from otae.store.rollout import Step
from tests.enrollment import lab
from tests.invitations.crowds import crowd
from tests.invitations.following import started

pytestmark = pytest.mark.anyio

TEXT = "1. Open System Settings\n2. Remove the old profile"


async def session_of(desk: Desk, text: str) -> EnrollmentSession:
    """Give the sign-in of somebody whom a campaign with these steps has invited."""
    await crowd(1)
    await started(desk, Plan("Autumn", former_mdm=text))
    return await lab.signed_in(desk, await database.now(), of=await Invitation.get())


async def test_the_steps_of_the_campaign_are_to_be_confirmed_once(desk: Desk) -> None:
    session, now = await session_of(desk, TEXT), await database.now()
    assert await former_mdm.steps(session) == TEXT
    await asyncio.gather(*(former_mdm.confirm(session, now=now) for _ in range(3)))
    assert await former_mdm.steps(session) == ""
    [event] = await Event.filter(kind="former-mdm.left")
    assert event.invitation_id == session.invitation_id
    assert (await Invitation.get()).furthest_step == Step.LEFT_MDM


async def test_a_mac_that_has_answered_is_not_asked_any_more(desk: Desk) -> None:
    session = await session_of(desk, TEXT)
    session.status = "identified"
    assert await former_mdm.steps(session) == ""


async def test_without_steps_or_campaign_nothing_is_asked(desk: Desk) -> None:
    session = await session_of(desk, "")
    assert await former_mdm.steps(session) == ""
    await Campaign.all().delete()
    assert await former_mdm.steps(session) == ""
    other = await lab.signed_in(desk, await database.now(), of=await lab.invitation(await database.now()))
    assert await former_mdm.steps(other) == ""
