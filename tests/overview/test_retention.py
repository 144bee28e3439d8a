"""What is kept no longer than retention.days, in bounded steps, and what stays."""

from datetime import timedelta

import pytest

from otae.enrollment import sessions
from otae.overview import retention
from otae.overview.progress import progress_of
from otae.store import audit, database, properties
from otae.store.desk import Desk
from otae.store.models import Delivery, Enrollment, EnrollmentSession, Event, Invitation, PeopleImport, Person
from tests.directory.files.imports import imported
from tests.invitations.guests import invite
from tests.store.furnish import furnish

pytestmark = pytest.mark.anyio


async def aged(days: int) -> None:
    """Make everything as old as that."""
    then = await database.now() - timedelta(days=days)
    await Event.all().update(at=then)
    await Delivery.all().update(created_at=then)
    await EnrollmentSession.all().update(opened_at=then, expires_at=then)
    await Invitation.all().update(created_at=then)


async def test_what_is_old_and_finished_goes_and_the_rest_stays(desk: Desk) -> None:
    await furnish(desk)
    now, pending = await database.now(), await Invitation.get(person__name="cleo")
    await Delivery.all().update(status="sent")
    await Invitation.exclude(id=pending.id).update(status="revoked")
    await sessions.expire_due(now + timedelta(hours=2))
    await aged(364)
    assert not (await retention.forget_old(now=now)).anything
    await aged(366)
    before = await Enrollment.all().count()
    gone = await retention.forget_old(now=now)
    assert gone.events > 0
    assert await Event.all().count() == 0
    assert await Delivery.exclude(invitation_id=pending.id).count() == 0
    assert await Delivery.filter(invitation_id=pending.id).count() > 0, "it says that the message was sent"
    assert await EnrollmentSession.filter(enrollments__id__isnull=True).count() == 0
    assert await Enrollment.all().count() == before == 1, "the Mac keeps its history"
    assert await Invitation.all().count() == 2
    await audit.verify()
    assert not (await retention.forget_old(now=now)).anything


async def test_a_message_on_its_way_and_a_running_sign_in_stay_however_old(desk: Desk) -> None:
    await invite(desk, "username_pin")
    ben, now = await Person.get(name="ben"), await database.now()
    await sessions.open_session(person=ben, invitation=None, mode="username_password", ownership="employee", now=now)
    await Delivery.all().update(status="queued")
    await aged(4000)
    gone = await retention.forget_old(now=now)
    assert (gone.deliveries, gone.sessions) == (0, 0)


async def test_a_failed_invitation_whose_messages_are_gone_says_so(desk: Desk) -> None:
    made = await invite(desk, "username_pin")
    await Delivery.all().update(status="failed", answer="550 no such user")
    await Invitation.all().update(status="failed")
    await aged(366)
    now = await database.now()
    assert (await retention.forget_old(now=now)).deliveries > 0
    row = await Invitation.get(id=made.invitation.id)
    shown = await progress_of([row], now=now)
    assert shown[row.id].problem == "Failed; its messages are no longer kept"


async def test_an_ended_sign_in_that_a_mac_s_history_names_keeps_no_other_from_going(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 1)
    monkeypatch.setattr(retention, "MAX_STEPS", 1)
    await furnish(desk)
    await EnrollmentSession.all().update(status="expired")
    named = (await Enrollment.get()).session_id
    await aged(366)
    await EnrollmentSession.filter(id=named).update(opened_at=await database.now() - timedelta(days=400))
    assert (await retention.forget_old(now=await database.now())).sessions == 1
    assert [row.id for row in await EnrollmentSession.all()] == [named]


async def test_each_call_is_bounded_and_the_next_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 3)
    monkeypatch.setattr(retention, "MAX_STEPS", 2)
    now = await database.now()
    old = now - timedelta(days=400)
    await Event.bulk_create([Event(at=old, kind="link.opened") for _ in range(8)])
    assert (await retention.forget_old(now=now)).events == 6
    assert (await retention.forget_old(now=now)).events == 2


async def test_the_property_decides_and_files_go_line_by_line(desk: Desk) -> None:
    await properties.write("retention.days", "7")
    row, now = await imported(desk, "ben;correct horse battery;USER\ncleo;;USER\n"), await database.now()
    await retention.forget_old(now=now + timedelta(days=6))
    assert await PeopleImport.filter(id=row.id).exists()
    later = now + timedelta(days=8)
    gone = await retention.forget_old(now=later)
    assert gone.others >= 3
    assert not await PeopleImport.all().exists()
    assert await Person.all().count() == 2
