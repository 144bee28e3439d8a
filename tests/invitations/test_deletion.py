"""Deleting invitations: those that have ended, hidden at once, back while it can be undone, and then gone for good."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from otae.directory.reach import reach_of
from otae.errors import InvitationNotEnded, StaleState
from otae.invitations import deletion, details, lifecycle, listing
from otae.mdm import devices
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import (
    AuditEntry,
    Delivery,
    Enrollment,
    EnrollmentSession,
    Event,
    Invitation,
    Person,
    Pin,
)
from otae.store.states import SessionStatus
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.invitations.guests import add_person, invite

pytestmark = pytest.mark.anyio


async def revoked(desk: Desk, user: str = "ben") -> Invitation:
    """Give an invitation that was revoked."""
    row = (await invite(desk, "username_pin", user=user)).invitation
    await lifecycle.revoke(desk, row, now=await database.now(), actor="ada")
    return row


async def deleted(desk: Desk, row: Invitation) -> UUID:
    """Delete an invitation."""
    deletion_id = uuid4()
    await deletion.delete(desk, row, now=await database.now(), actor="ada", deletion_id=deletion_id)
    return deletion_id


async def test_a_deleted_invitation_is_nowhere_and_then_gone(desk: Desk) -> None:
    row, other = await revoked(desk), await revoked(desk, "cleo")
    await deleted(desk, row)
    assert [each.id for each in await listing.list_invitations()] == [other.id]
    assert (await listing.counts())["revoked"] == 1
    assert await details.read(row.id) is None
    now = await database.now()
    assert await deletion.purge(now=now) == 0, "while it can be undone"
    assert await deletion.purge(now=now + deletion.UNDO + timedelta(seconds=1)) == 1
    assert await deletion.purge(now=now + timedelta(hours=1)) == 0
    assert await Invitation.all().values_list("id", flat=True) == [other.id]
    for kind in (Pin, Delivery, Event):
        assert not await kind.filter(invitation_id=row.id).exists(), kind
    entries = await AuditEntry.filter(subject=str(row.id)).order_by("id")
    assert entries[-1].action == "invitation.deleted"
    assert len(entries) > 1, "the audit log keeps what was done with it"


async def test_a_deletion_can_be_undone_until_it_is_done(desk: Desk) -> None:
    row, now = await revoked(desk), await database.now()
    deletion_id = await deleted(desk, row)
    assert await deletion.undo(uuid4(), now=now, actor="ada") == 0
    assert await deletion.undo(deletion_id, now=now, actor="ada") == 1
    assert await deletion.undo(deletion_id, now=now, actor="ada") == 0, "once"
    assert await deletion.purge(now=now + timedelta(hours=1)) == 0
    assert [each.id for each in await listing.list_invitations()] == [row.id]
    assert await AuditEntry.filter(action="invitation.restored", subject=str(row.id)).count() == 1
    again = await deleted(desk, row)
    await deletion.purge(now=now + timedelta(hours=1))
    assert await deletion.undo(again, now=now, actor="ada") == 0


async def test_only_what_has_ended_is_deleted_and_once(desk: Desk) -> None:
    pending = (await invite(desk, "username_pin")).invitation
    with pytest.raises(InvitationNotEnded):
        await deleted(desk, pending)
    await Invitation.filter(id=pending.id).update(status="failed")
    with pytest.raises(InvitationNotEnded):
        await deleted(desk, await Invitation.get(id=pending.id))
    row = await revoked(desk, "cleo")
    await deleted(desk, row)
    with pytest.raises(StaleState):
        await deleted(desk, row)
    assert await AuditEntry.filter(action="invitation.deleted").count() == 1


async def test_an_expired_invitation_that_a_mac_is_enrolled_with_is_not_deleted(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now, "ben", way="profile")
    row = await Invitation.get(id=session.invitation_id)
    await Invitation.filter(id=row.id).update(status="expired")
    await row.refresh_from_db()
    with pytest.raises(InvitationNotEnded):
        await deleted(desk, row)
    await EnrollmentSession.filter(id=session.id).update(status=SessionStatus.EXPIRED)
    await deleted(desk, row)


async def test_no_step_wakes_a_deleted_invitation(desk: Desk) -> None:
    created = await invite(desk, "username_pin")
    await Invitation.filter(id=created.invitation.id).update(status="expired")
    row, now = await Invitation.get(id=created.invitation.id), await database.now()
    await deleted(desk, row)
    await row.fetch_related("person")
    with pytest.raises(StaleState):
        await lifecycle.resend(desk, row, now=now, actor="ada", show_pin=True)
    assert await lifecycle.find_by_token(created.token) is None
    await deletion.purge(now=now + timedelta(hours=1))
    assert not await Invitation.all().exists()


async def test_the_mac_stays_with_its_history(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, "ben", way="profile"), now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    row = await Invitation.get(person__name="ben")
    enrollment = await Enrollment.get()
    await deleted(desk, row)
    await deletion.purge(now=now + timedelta(hours=1))
    assert not await Invitation.filter(id=row.id).exists()
    assert (await Enrollment.get()).id == enrollment.id
    found = await devices.find_device(mac.udid)
    assert found is not None
    assert (found.status, found.invitation, found.user) == ("enrolled", None, "ben")
    assert await Event.filter(device_id=enrollment.device_id, kind="checkin.enrolled").exists()
    await mac.token_update(desk, await database.now(), topic)


async def test_nobody_undoes_what_is_out_of_reach(desk: Desk) -> None:
    await add_person(desk, "ben", groups=["sales"])
    theirs, now = await revoked(desk, "cleo"), await database.now()
    deletion_id = await deleted(desk, theirs)
    assert await deletion.undo(deletion_id, now=now, actor="eve", reach=await reach_of(["local/sales"], now=now)) == 0
    assert await Person.filter(name="cleo").exists()
