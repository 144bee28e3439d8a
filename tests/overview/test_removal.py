"""Deleting a person: every way in ends, every name goes, the audit log still verifies."""

from datetime import timedelta

import pytest

from otae.accounts import browsers, password_links
from otae.directory.local import groups, people
from otae.enrollment import signin
from otae.enrollment.signin import SignInEntry
from otae.errors import PasswordLinkUnknown, SigninFailed, StaleState
from otae.overview import removal
from otae.store import audit, database, jobs, tables
from otae.store.desk import Desk
from otae.store.models import (
    AuditEntry,
    BrowserSession,
    CaughtMail,
    Delivery,
    Device,
    Enrollment,
    EnrollmentSession,
    GroupInvitee,
    Invitation,
    Job,
    Membership,
    Person,
)
from otae.store.session_ends import end_sessions_of
from tests.directory.files.imports import imported
from tests.invitations.crowds import stored
from tests.invitations.guests import PASSWORD, add_person, invite
from tests.store.furnish import furnish

pytestmark = pytest.mark.anyio


async def test_every_way_in_ends_and_what_ended_is_counted(desk: Desk) -> None:
    ben, now = await add_person(desk, "ben", groups=["sales"]), await database.now()
    await invite(desk, "username_pin")
    entry = SignInEntry(name="ben", password=PASSWORD, network="203.0.113.9")
    session = await signin.sign_in(desk, entry, now=now)
    await browsers.open_browser("portal", session, now=now)
    url = await password_links.make(desk, ben, now=now, actor="ada")
    expected = await removal.consequences(ben)
    assert (expected.invitations, expected.sessions, expected.macs) == (1, 1, 0)
    assert await removal.remove_person(desk, ben, now=now, actor="ada") == expected
    assert await Invitation.filter(status="revoked", token_sealed=None).count() == 1
    assert await EnrollmentSession.filter(status="expired").count() == 1
    assert await BrowserSession.all().count() == await Membership.all().count() == 0
    with pytest.raises(PasswordLinkUnknown):
        await password_links.find(url.rpartition("=")[2], now=now)
    with pytest.raises(SigninFailed):
        await signin.sign_in(desk, entry, now=now)
    assert await people.list_people() == []
    sales = await groups.find_group("sales")
    assert sales is not None
    assert sales.members == 0


async def test_no_name_and_no_address_is_left_and_the_log_still_verifies(desk: Desk) -> None:
    await furnish(desk)
    ben, now = await Person.get(name="ben"), await database.now()
    await Person.filter(id=ben.id).update(display_name="Ben Okafor", phone="+491512345678", properties={"floor": "3"})
    await people.update_person(desk, ben, email="ben.okafor@example.test", now=now, actor="ada")
    await imported(desk, "ben;company;Okafor Ltd", "properties")
    file = await stored(desk, b"mail,name\nben.okafor@example.test,Ben Okafor\nann@example.test,Ann Other\n")
    nobody = await GroupInvitee.create(
        group_invitation_id=file.id, number=9, name="", email="ben.okafor@example.test", status="skipped"
    )
    waiting = await jobs.enqueue("smtp-test", {"to": ["ben.okafor@example.test"]}, created_by="ada", now=now)
    mine = Delivery.filter(invitation_id__in=await Invitation.filter(person_id=ben.id).values_list("id", flat=True))
    await mine.update(recipient="ben.okafor@example.test", answer="550 ben.okafor@example.test unknown")
    ben = await Person.get(id=ben.id)
    await removal.remove_person(desk, ben, now=now, actor="ada")
    await audit.verify()
    dumped = []
    for table in tables.tables():
        rows = [row async for row in table.rows()]
        dumped += [f"{table.name} {row}" for row in rows if "kafor" in str(row) or "+49151" in str(row)]
    assert dumped == []
    assert (await Job.get(id=waiting.id)).input == {"to": [removal.REMOVED_NAME]}
    assert (await GroupInvitee.get(id=nobody.id)).email is None
    lines = await GroupInvitee.filter(group_invitation_id=file.id, status="listed").order_by("number")
    assert [line.given for line in lines] == [{"cells": []}, {"cells": ["ann@example.test", "Ann Other"]}]
    ids = await AuditEntry.filter(subject=str(ben.id)).values_list("action", flat=True)
    assert {"person.added", "person.changed", "person.removed"} <= set(ids)
    assert not await AuditEntry.filter(subject="ben").exists()
    assert not await AuditEntry.filter(detail="ben").exists()
    assert await CaughtMail.filter(recipient="ben.okafor@example.test").count() == 0


async def test_enrolled_macs_stay_and_are_told(desk: Desk) -> None:
    await furnish(desk)
    ben, now = await Person.get(name="ben"), await database.now()
    removed = await removal.remove_person(desk, ben, now=now, actor="ada")
    assert removed.macs == 1
    assert await Enrollment.filter(status="enrolled").count() == await Device.all().count() == 1
    entry = await AuditEntry.get(action="person.removed")
    assert "1 Macs stay enrolled" in entry.detail


async def test_somebody_is_removed_once_and_the_name_is_free_again(desk: Desk) -> None:
    ben, now = await add_person(desk, "ben"), await database.now()
    await removal.remove_person(desk, ben, now=now, actor="ada")
    with pytest.raises(StaleState):
        await removal.remove_person(desk, ben, now=now, actor="ada")
    again = await add_person(desk, "ben")
    assert again.id != ben.id
    assert (await Person.get(id=ben.id)).removed_at == now


async def test_a_removal_that_was_cut_off_is_done_again(desk: Desk) -> None:
    await invite(desk, "username_pin")
    ben, now = await Person.get(name="ben"), await database.now()
    await Person.filter(id=ben.id).update(disabled=True, password_hash=None)
    await end_sessions_of([ben.id], now=now, why="the user was deleted")
    assert (await removal.remove_person(desk, ben, now=now + timedelta(minutes=1), actor="ada")).invitations == 1
