"""A certificate speaks for one Mac of one person, and nobody takes over another's record."""

import asyncio

import pytest

from otae.authority import issuers
from otae.errors import (
    CertificateMismatch,
    CertificateRevoked,
    DeviceMismatch,
    DeviceTaken,
    InvitationRedeemed,
    SessionClosed,
    SignerUntrusted,
)
from otae.mdm import devices
from otae.mdm.checkin import Reply
from otae.signing.certificates import fingerprint
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import (
    Certificate,
    Device,
    Enrollment,
    EnrollmentSession,
)
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.mdm.talk import OTHER, enroll, ready, record, refused

pytestmark = pytest.mark.anyio


async def test_mdm_3_a_strangers_certificate_is_refused(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await refused(mac.authenticate(desk, now, topic, by=lab.device_certificate("a Mac")), SignerUntrusted)
    ra = await issuers.keyed(desk, "ra")
    await refused(mac.authenticate(desk, now, topic, by=ra), SignerUntrusted)
    assert not await Device.exists()


async def test_the_identity_of_phase_three_does_not_check_in(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await refused(mac.authenticate(desk, now, topic, by=mac.ota), CertificateMismatch)
    assert not await Device.exists()


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_mdm_3_a_certificate_pinned_to_one_mac_speaks_for_no_other(desk: Desk, way: str) -> None:
    bens, cleos = LabMac(), LabMac(udid=OTHER, serial="C02CLEO")
    topic, now = await enroll(desk, cleos, "cleo", way)
    await enroll(desk, bens, "ben", way)
    before = await record(cleos.udid)
    await refused(cleos.authenticate(desk, now, topic, by=bens.mdm), DeviceMismatch)
    await refused(cleos.token_update(desk, now, topic, by=bens.mdm, Token=b"\x02" * 32), DeviceMismatch)
    await refused(cleos.say(desk, now, "CheckOut", by=bens.mdm, Topic=topic), DeviceMismatch)
    await refused(cleos.say(desk, now, "SetBootstrapToken", by=bens.mdm, BootstrapToken=b"x"), DeviceMismatch)
    await refused(cleos.say(desk, now, "GetBootstrapToken", by=bens.mdm), DeviceMismatch)
    assert await record(cleos.udid) == before
    assert bens.mdm is not None
    assert (await Certificate.get(sha256=fingerprint(bens.mdm.certificate))).state == "issued"


async def test_a_fresh_certificate_takes_over_no_other_macs_record(desk: Desk) -> None:
    cleos, bens = LabMac(udid=OTHER, serial="C02CLEO"), LabMac()
    topic, now = await enroll(desk, cleos, "cleo")
    before = await record(cleos.udid)
    await ready(desk, bens)
    await refused(cleos.authenticate(desk, now, topic, by=bens.mdm), DeviceMismatch)
    assert await record(cleos.udid) == before
    await refused(bens.authenticate(desk, now, topic), CertificateRevoked)


async def test_over_the_single_profile_a_mac_of_somebody_else_is_taken(desk: Desk) -> None:
    cleos, thief = LabMac(udid=OTHER, serial="C02CLEO"), LabMac(udid=OTHER, serial="C02CLEO")
    topic, now = await enroll(desk, cleos, "cleo", "profile")
    before = await record(cleos.udid)
    await ready(desk, thief, "ben", "profile")
    await refused(thief.authenticate(desk, now, topic), DeviceTaken)
    assert await record(cleos.udid) == before
    bens = await EnrollmentSession.filter(person__name="ben").get()
    assert (bens.status, bens.udid, bens.refusal) == ("refused", None, "device-taken")
    await refused(thief.authenticate(desk, now, topic), SessionClosed)


async def test_a_released_mac_changes_hands_at_token_update(desk: Desk) -> None:
    cleos, bens = LabMac(udid=OTHER, serial="C02CLEO"), LabMac(udid=OTHER, serial="C02CLEO", number=5)
    topic, now = await enroll(desk, cleos, "cleo", "profile")
    await devices.release(OTHER, now=now, actor="ada")
    _, now = await ready(desk, bens, "ben", "profile")
    await bens.authenticate(desk, now, topic)
    found = await devices.find_device(OTHER)
    assert found is not None
    assert (found.user, found.status, found.released) == ("cleo", "enrolled", True)
    await bens.token_update(desk, now, topic)
    found = await devices.find_device(OTHER)
    assert found is not None
    assert (found.user, found.status, found.released) == ("ben", "enrolled", False)
    await refused(cleos.token_update(desk, now, topic), CertificateRevoked)
    assert await Enrollment.filter(status="unenrolled", ended_at=now).count() == 1


async def test_a_captured_unused_profile_is_worth_nothing_on_a_second_mac(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    bens, second = LabMac(), LabMac(udid=OTHER, serial="C02CLEO")
    topic = await bens.install_profile(desk, session, now)
    await second.install_profile(desk, session, now)
    await bens.authenticate(desk, now, topic)
    await refused(second.authenticate(desk, now, topic), DeviceMismatch)
    assert second.mdm is not None
    row = await Certificate.get(sha256=fingerprint(second.mdm.certificate))
    assert (row.state, row.revocation_reason) == ("revoked", "privilegeWithdrawn")
    await bens.token_update(desk, now, topic)
    assert (await EnrollmentSession.get()).status == "enrolled"


async def test_the_invited_serial_is_compared_at_authenticate(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac, way="profile", serial="C02INVITED")
    await refused(mac.authenticate(desk, now, topic), DeviceMismatch)
    session = await EnrollmentSession.get()
    assert (session.status, session.udid) == ("refused", None)
    assert not await Device.exists()


async def test_an_invited_serial_cannot_be_left_out(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac, way="profile", serial=mac.serial)
    await refused(mac.authenticate(desk, now, topic, SerialNumber=None), DeviceMismatch)


async def test_over_the_air_the_serial_of_phase_two_counts(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await refused(mac.authenticate(desk, now, topic, SerialNumber="C02OTHER"), DeviceMismatch)
    assert not await Device.exists()


async def test_two_macs_of_one_invitation_at_once_enroll_one(desk: Desk) -> None:
    now = await database.now()
    invited = await lab.invitation(now)
    macs = [LabMac(), LabMac(udid=OTHER, serial="C02SECOND")]
    topic = ""
    for mac in macs:
        topic = await mac.install_over_the_air(desk, await lab.signed_in(desk, now, of=invited), now)
        await mac.authenticate(desk, now, topic)
    outcomes = await asyncio.gather(*(mac.token_update(desk, now, topic) for mac in macs), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Reply, InvitationRedeemed}
    assert await Enrollment.filter(status="enrolled").count() == 1
    assert await EnrollmentSession.filter(status="enrolled").count() == 1


async def test_after_redemption_a_second_mac_is_refused(desk: Desk) -> None:
    now = await database.now()
    invited = await lab.invitation(now)
    bens, second = LabMac(), LabMac(udid=OTHER, serial="C02SECOND")
    topic = await bens.install_over_the_air(desk, await lab.signed_in(desk, now, of=invited), now)
    await second.install_over_the_air(desk, await lab.signed_in(desk, now, of=invited), now)
    await bens.authenticate(desk, now, topic)
    await bens.token_update(desk, now, topic)
    await refused(second.authenticate(desk, now, topic), InvitationRedeemed)
    assert not await Device.filter(udid=OTHER).exists()


async def test_the_same_person_may_enroll_the_mac_again(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await enroll(desk, mac)
    old = mac.mdm
    await ready(desk, mac, way="profile")
    await mac.authenticate(desk, now, topic)
    found = await devices.find_device(mac.udid)
    assert found is not None
    assert found.status == "enrolled"
    await mac.say(desk, now, "GetBootstrapToken", by=old)
    await mac.token_update(desk, now, topic)
    await refused(mac.say(desk, now, "GetBootstrapToken", by=old), CertificateRevoked)
    assert sorted([row.status for row in await Enrollment.all()]) == ["enrolled", "unenrolled"]
    assert await Device.all().count() == 1
