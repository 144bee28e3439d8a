"""A move and its events are one: both, or neither, and never more than was asked."""

from datetime import timedelta

import pytest

from otae.errors import StaleState
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Event
from otae.store.records import EventDetail, about, advance, note
from otae.store.states import SessionStatus
from tests.enrollment import lab

pytestmark = pytest.mark.anyio


async def test_a_move_that_came_too_late_leaves_the_open_transaction_as_it_was(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    await EnrollmentSession.filter(id=session.id).update(status=SessionStatus.EXPIRED)
    async with database.transaction():
        await note("before", now=now, about=about(session))
        with pytest.raises(StaleState):
            await advance(session, SessionStatus.IDENTIFIED, event="session.identified", now=now)
        await note("after", now=now, about=about(session))
    assert (await lab.events(session))[-2:] == ["before", "after"]
    assert session.status == SessionStatus.OPENED
    assert (await EnrollmentSession.get(id=session.id)).status == SessionStatus.EXPIRED


async def test_a_move_goes_with_the_transaction_it_was_made_in(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)

    async def fail() -> None:
        async with database.transaction():
            await advance(session, SessionStatus.IDENTIFIED, event="session.identified", now=now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await EnrollmentSession.get(id=session.id)).status == SessionStatus.OPENED
    assert await lab.events(session) == ["session.opened"]


async def test_several_events_of_one_move_stand_in_their_order_with_their_details(desk: Desk) -> None:
    now = await database.now() + timedelta(seconds=1)
    session = await lab.signed_in(desk, now)
    both = (EventDetail("first", "why"), EventDetail("second"))
    await advance(session, SessionStatus.IDENTIFIED, event=both, now=now, actor="ada")
    found = await Event.filter(session_id=session.id, actor="ada").order_by("id")
    assert [(event.kind, event.detail, event.at, event.person_id) for event in found] == [
        ("first", "why", now, session.person_id),
        ("second", "", now, session.person_id),
    ]
