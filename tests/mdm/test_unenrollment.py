"""An administrator ends the management of a Mac: once, with its certificate, and it is refused from then on."""

import pytest

from otae.errors import CertificateRevoked, DeviceUnknown
from otae.mdm import unenrollment
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Certificate, Device, Enrollment, Event, Person
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

pytestmark = pytest.mark.anyio


async def test_a_mac_that_was_unenrolled_is_refused_and_told_by_whom(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, "ben", way="profile"), now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    await unenrollment.unenroll(mac.udid, now=now, actor="ada")
    enrollment = await Enrollment.get()
    assert (enrollment.status, enrollment.ended_at) == ("unenrolled", now)
    assert (await Device.get()).status == "unenrolled"
    certificate = await Certificate.get(id=enrollment.certificate_id)
    assert (certificate.state, certificate.revocation_reason) == ("revoked", "cessationOfOperation")
    with pytest.raises(CertificateRevoked):
        await mac.token_update(desk, now, topic)
    event = await Event.get(kind="device.unenrolled")
    assert (event.actor, event.device_id) == ("ada", enrollment.device_id)
    entry = await AuditEntry.get(action="device.unenrolled")
    assert (entry.actor, entry.subject, entry.detail) == ("ada", mac.udid, str((await Person.get(name="ben")).id))
    with pytest.raises(DeviceUnknown):
        await unenrollment.unenroll(mac.udid, now=now, actor="ada")


async def test_a_mac_that_never_finished_can_be_unenrolled_and_an_unknown_one_not(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, "ben", way="profile"), now)
    await mac.authenticate(desk, now, topic)
    await unenrollment.unenroll(mac.udid, now=now, actor="ada")
    assert (await Device.get()).status == "unenrolled"
    with pytest.raises(DeviceUnknown):
        await unenrollment.unenroll("nowhere", now=now, actor="ada")
