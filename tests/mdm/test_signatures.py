"""Whose message it is: a pinned certificate of a running enrollment, for its own Mac and topic."""

import pytest

from otae.enrollment.support import RefusalContext
from otae.errors import DeviceMismatch, DeviceUnknown, TopicMismatch
from otae.mdm.signatures import enrollment_of
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, Enrollment
from tests.enrollment.lab import LabMac
from tests.mdm.talk import OTHER, enroll

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
