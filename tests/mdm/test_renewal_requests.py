"""Who gets a renewed certificate, and that it is worth nothing in other hands."""

from datetime import timedelta

import pytest

from otae.authority import issuers, revocation
from otae.errors import CertificateRevoked, DeviceMismatch, DeviceUnknown
from otae.mdm import renewal
from otae.signing.certificates import fingerprint
from otae.signing.scep import FailInfo
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge, Command, Device, Enrollment, EnrollmentSession, Event
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.scep_talk import ask, issued
from tests.mdm.renewing import enrolled, queued, renewal_req
from tests.mdm.talk import OTHER, refused

pytestmark = pytest.mark.anyio


async def test_past_the_grace_nothing_is_renewed(desk: Desk) -> None:
    one = await enrolled(desk)
    _, challenge = await queued(one)
    late = one.soon + timedelta(days=20 + 8)
    await Challenge.filter(purpose="renewal").update(expires_at=late + timedelta(hours=1))
    assert await renewal.renew_due(desk, now=late) == 0
    await refused(one.put(late), CertificateRevoked)
    asked = await one.mac.request(desk, challenge, of="renewed identity")
    assert (await ask(desk, asked, late)).fail_info == FailInfo.BAD_REQUEST


async def test_a_revoked_identity_renews_nothing(desk: Desk) -> None:
    one = await enrolled(desk)
    _, challenge = await queued(one)
    row = await Certificate.get(purpose="mdm-identity")
    await revocation.revoke(row, "keyCompromise", now=one.soon, actor="ada")
    asked = await one.mac.request(desk, challenge, of="renewed identity")
    assert (await ask(desk, asked, one.soon)).fail_info == FailInfo.BAD_REQUEST
    assert (await Challenge.get(purpose="renewal")).used_at is None
    assert await renewal.renew_due(desk, now=one.soon + timedelta(days=2)) == 0


async def test_a_mac_that_left_renews_nothing(desk: Desk) -> None:
    one = await enrolled(desk)
    _, challenge = await queued(one)
    await one.mac.say(desk, one.soon, "CheckOut", Topic=one.topic)
    asked = await one.mac.request(desk, challenge, of="renewed identity")
    before = await issued()
    assert (await ask(desk, asked, one.soon)).status == "failure"
    assert await issued() == before
    await refused(one.put(one.soon), CertificateRevoked)


async def test_scep_6_a_renewal_req_is_for_an_identity_of_this_mac_and_its_own_challenge(desk: Desk) -> None:
    one = await enrolled(desk)
    other = await enrolled(desk, "profile", udid=OTHER, serial="C02OTHER")
    _, challenge = await queued(one)
    ours, theirs, first = one.mac.mdm, other.mac.mdm, one.mac.ota
    assert ours is not None
    assert theirs is not None
    assert first is not None
    before = await issued()
    for by, secret, fail_info in (
        (lab.device_certificate("a Mac"), challenge, FailInfo.BAD_MESSAGE_CHECK),
        (await issuers.keyed(desk, "ra"), challenge, FailInfo.BAD_MESSAGE_CHECK),
        (first, challenge, FailInfo.BAD_REQUEST),
        (theirs, challenge, FailInfo.BAD_REQUEST),
        (ours, None, FailInfo.BAD_REQUEST),
        (ours, "0" * 40, FailInfo.BAD_REQUEST),
    ):
        assert (await renewal_req(one, by, secret)).fail_info == fail_info
    assert await issued() == before
    reply = await renewal_req(one, ours, challenge)
    assert reply.certificate is not None
    assert (await renewal_req(one, ours, challenge)).certificate == reply.certificate
    assert await issued() == before + 1


async def test_a_renewal_req_of_a_revoked_or_ended_identity_is_a_bad_message_check(desk: Desk) -> None:
    one = await enrolled(desk)
    _, challenge = await queued(one)
    ours = one.mac.mdm
    assert ours is not None
    one.soon += timedelta(days=21)
    assert (await renewal_req(one, ours, challenge)).fail_info == FailInfo.BAD_MESSAGE_CHECK
    one.soon -= timedelta(days=21)
    row = await Certificate.get(sha256=fingerprint(ours.certificate))
    await revocation.revoke(row, "keyCompromise", now=one.soon, actor="ada")
    assert (await renewal_req(one, ours, challenge)).fail_info == FailInfo.BAD_MESSAGE_CHECK


async def test_a_renewed_certificate_speaks_for_no_other_mac_and_is_taken_back(desk: Desk) -> None:
    one = await enrolled(desk)
    _, challenge = await queued(one)
    before = await Enrollment.get().values()
    thief = LabMac(udid=OTHER, serial="C02THIEF")
    new = await thief.identity(desk, challenge, one.soon, of="renewed identity")
    await refused(thief.authenticate(desk, one.soon, one.topic, by=new), DeviceMismatch)
    row = await Certificate.get(sha256=fingerprint(new.certificate))
    assert (row.state, row.revocation_reason) == ("revoked", "privilegeWithdrawn")
    assert await Enrollment.get().values() == before
    assert await Device.all().count() == 1
    assert (await EnrollmentSession.get()).status == "enrolled"


async def test_a_renewed_certificate_is_worth_nothing_before_authenticate(desk: Desk) -> None:
    one = await enrolled(desk)
    _, challenge = await queued(one)
    new = await one.mac.identity(desk, challenge, one.soon, of="renewed identity")
    await refused(one.put(one.soon, by=new), DeviceUnknown)


async def test_an_unused_renewal_is_revoked_when_a_later_one_is_used(desk: Desk) -> None:
    one = await enrolled(desk)
    _, challenge = await queued(one)
    unused = await one.mac.identity(desk, challenge, one.soon, of="renewed identity")
    later = one.soon + timedelta(days=2)
    uuid = (await Command.get()).id
    await one.put(later, "Error", CommandUUID=str(uuid))
    await renewal.renew_due(desk, now=later)
    await one.renew(later)
    row = await Certificate.get(sha256=fingerprint(unused.certificate))
    assert (row.state, row.revocation_reason) == ("revoked", "superseded")


async def test_the_challenge_of_a_renewal_lives_minutes_and_only_its_hash_is_kept(desk: Desk) -> None:
    await properties.write("scep.challenge.minutes", "15")
    one = await enrolled(desk)
    _, challenge = await queued(one)
    row = await Challenge.get(purpose="renewal")
    assert row.expires_at == one.soon + timedelta(minutes=15)
    assert challenge not in str(await Command.all().values()) + str(await Challenge.all().values())
    asked = await one.mac.request(desk, challenge, of="renewed identity")
    assert (await ask(desk, asked, one.soon + timedelta(minutes=16))).status == "failure"
    event = await Event.filter(kind="refused").order_by("-id").first()
    assert event is not None
    assert event.code == "challenge-expired"
