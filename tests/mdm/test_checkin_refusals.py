"""Whatever does not fit at CheckInURL is one clear refusal that changes nothing."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from otae.apple import plist
from otae.authority import revocation
from otae.errors import (
    CertificateRevoked,
    CheckinUnreadable,
    DeviceUnknown,
    InvitationRevoked,
    MessageUnreadable,
    PlistUnreadable,
    Refusal,
    SessionClosed,
    SessionExpired,
    SignatureInvalid,
    SignatureMissing,
    SignerUntrusted,
    TooLarge,
    TopicMismatch,
)
from otae.mdm import checkin
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import (
    Device,
    Enrollment,
    EnrollmentSession,
    Invitation,
    UserChannel,
)
from tests.enrollment.lab import LabMac
from tests.mdm.talk import OTHER, enroll, ready, record, refused
from tests.reference import reference

pytestmark = pytest.mark.anyio


async def test_mdm_1_an_altered_body_is_refused(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await enroll(desk, mac)
    body = plist.dumps({"MessageType": "CheckOut", "Topic": topic, "UDID": mac.udid})
    altered = body.replace(mac.udid.encode(), OTHER.encode())
    await refused(checkin.answer(desk, altered, mac.sign_header(body), now=now), SignatureInvalid)
    assert (await Enrollment.get()).status == "enrolled"


@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        (None, SignatureMissing),
        ("", SignatureMissing),
        ("no base64!", MessageUnreadable),
        ("Zm9v", MessageUnreadable),
        ("é", MessageUnreadable),
        ("A" * 10241, TooLarge),
    ],
)
async def test_without_a_signature_nothing_is_read(desk: Desk, header: str | None, refusal: type[Refusal]) -> None:
    mac = LabMac()
    _, now = await enroll(desk, mac)
    before = await record(mac.udid)
    await refused(checkin.answer(desk, b"<?xml garbage", header, now=now), refusal)
    assert await record(mac.udid) == before


async def test_mdm_1_the_captured_signature_of_a_real_mac_is_not_from_here(desk: Desk) -> None:
    body = base64.b64decode(reference("captures/mdm-signature/2.body.b64").read_bytes())
    header = reference("captures/mdm-signature/2.header.b64").read_text().strip()
    now = await database.now()
    await refused(checkin.answer(desk, body, header, now=now), SignerUntrusted)
    await refused(checkin.answer(desk, body + b" ", header, now=now), SignatureInvalid)


async def test_another_topic_is_refused(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    foreign = "com.apple.mgmt.External.foreign"
    await refused(mac.authenticate(desk, now, foreign), TopicMismatch)
    await mac.authenticate(desk, now, topic)
    before = await record(mac.udid)
    await refused(mac.token_update(desk, now, foreign), TopicMismatch)
    await refused(mac.say(desk, now, "CheckOut", Topic=foreign), TopicMismatch)
    assert await record(mac.udid) == before


async def test_a_withdrawn_invitation_and_a_late_mac_are_refused(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await Invitation.all().update(status="revoked")
    await refused(mac.authenticate(desk, now, topic), InvitationRevoked)
    await Invitation.all().update(status="pending")
    await refused(mac.authenticate(desk, now + timedelta(hours=1), topic), SessionExpired)
    await mac.authenticate(desk, now, topic)
    await Invitation.all().update(status="revoked")
    await refused(mac.token_update(desk, now, topic), InvitationRevoked)
    assert (await Enrollment.get()).status == "authenticated"
    assert (await EnrollmentSession.get()).status == "configured"


async def test_before_authenticate_nothing_else_is_answered(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await refused(mac.token_update(desk, now, topic), DeviceUnknown)
    await refused(mac.say(desk, now, "GetBootstrapToken"), DeviceUnknown)
    assert not await Device.exists()


async def test_between_authenticate_and_token_update_no_secret_is_given(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await mac.authenticate(desk, now, topic)
    await refused(mac.say(desk, now, "GetBootstrapToken"), DeviceUnknown)


@pytest.mark.parametrize(
    ("message", "keys", "refusal"),
    [
        ("DeclarativeManagement", {"Endpoint": "tokens"}, CheckinUnreadable),
        ("GetToken", {"TokenServiceType": "com.apple.maid"}, CheckinUnreadable),
        ("ReturnToService", {}, CheckinUnreadable),
        ("Authenticate", {"Topic": None}, CheckinUnreadable),
        ("CheckOut", {"UDID": "x' OR 1=1--"}, CheckinUnreadable),
        ("CheckOut", {"UDID": "A" * 10_000}, CheckinUnreadable),
        ("CheckOut", {"UDID": None, "EnrollmentID": "AAAA-1111"}, CheckinUnreadable),
    ],
)
async def test_whatever_else_is_said_is_refused(
    desk: Desk, message: str, keys: dict[str, Any], refusal: type[Refusal]
) -> None:
    mac = LabMac()
    _, now = await enroll(desk, mac)
    await refused(mac.say(desk, now, message, **keys), refusal)
    assert (await Enrollment.get()).status == "enrolled"


async def test_a_signed_body_that_is_no_property_list_is_refused(desk: Desk) -> None:
    mac = LabMac()
    _, now = await enroll(desk, mac)
    body = b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><plist>&a;</plist>"
    await refused(checkin.answer(desk, body, mac.sign_header(body), now=now), PlistUnreadable)


async def test_a_revoked_certificate_is_refused_at_once(desk: Desk) -> None:
    mac = LabMac()
    _, now = await enroll(desk, mac)
    row = await Enrollment.get().prefetch_related("certificate")
    await revocation.revoke(row.certificate, "keyCompromise", now=now, actor="ada")
    await refused(mac.say(desk, now, "GetBootstrapToken"), CertificateRevoked)


async def test_a_user_channel_does_not_enroll_a_mac(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await mac.authenticate(desk, now, topic)
    user: dict[str, Any] = {"UserID": "6CE4A3DD-3C0F-4C25-8F0C-C7F0C0F9D1A1"}
    await refused(mac.token_update(desk, now, topic, **user), DeviceUnknown)
    assert (await Enrollment.get()).status == "authenticated"
    assert not await UserChannel.exists()


async def test_a_mac_that_started_again_does_not_enroll_with_what_it_was_given_before(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await EnrollmentSession.filter(udid=mac.udid).update(status="identified")
    await refused(mac.authenticate(desk, now, topic), SessionClosed)
    assert not await Enrollment.exists()
