"""Whose message it is: a pinned certificate of a running enrollment, for its own Mac and topic."""

import pytest

from otae.enrollment.support import RefusalContext
from otae.errors import CertificateMismatch, DeviceMismatch, DeviceUnknown, TopicMismatch
from otae.mdm.signatures import enrollment_of
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, Enrollment
from tests.enrollment.lab import LabMac
from tests.mdm import renewing
from tests.mdm.talk import OTHER, enroll, ready

pytestmark = pytest.mark.anyio


async def test_an_enrollment_that_ended_since_the_signature_was_checked_answers_nobody(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await enroll(desk, mac)
    enrollment = await Enrollment.get(device__udid=mac.udid)
    certificate = await Certificate.get(id=enrollment.certificate_id)
    context = RefusalContext()
    found, device = await enrollment_of(certificate, mac.udid, context, now=now, topic=topic)
    assert (found.id, device.udid, context.device_id) == (enrollment.id, mac.udid, device.id)
    with pytest.raises(DeviceMismatch):
        await enrollment_of(certificate, OTHER, context, now=now)
    with pytest.raises(TopicMismatch):
        await enrollment_of(certificate, mac.udid, context, now=now, topic="com.apple.mgmt.other")
    await Enrollment.filter(id=enrollment.id).update(status="unenrolled")
    with pytest.raises(DeviceUnknown, match="has ended"):
        await enrollment_of(certificate, mac.udid, context, now=await database.now())


async def test_a_certificate_of_the_first_phase_checks_nobody_in(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    with pytest.raises(CertificateMismatch, match="does not check in"):
        await mac.authenticate(desk, now, topic, by=mac.ota)
    assert not await Enrollment.exists()


async def test_a_token_update_by_the_older_certificate_ends_none(desk: Desk) -> None:
    one = await renewing.enrolled(desk)
    _, challenge = await renewing.queued(one)
    new = await one.mac.identity(desk, challenge, one.soon, of="renewed identity")
    topic = (await Enrollment.get()).topic
    await one.mac.authenticate(desk, one.soon, topic, by=new)
    pinned = await Enrollment.get()
    assert pinned.previous_certificate_id is not None
    await one.mac.token_update(desk, one.soon, topic)
    assert (await Enrollment.get()).previous_certificate_id == pinned.previous_certificate_id
    assert not await Certificate.filter(purpose="mdm-identity", revoked_at__not_isnull=True).exists()
    await one.mac.token_update(desk, one.soon, topic, by=new)
    assert (await Enrollment.get()).previous_certificate_id is None
