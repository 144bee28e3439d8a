"""Check-in: a Mac speaks for itself alone, becomes enrolled once, and keeps its record."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import pytest

from otae.apple import checkin as apple
from otae.apple import plist
from otae.apple.fields import UDID, Fields
from otae.enrollment import sessions
from otae.errors import (
    CertificateRevoked,
    SessionClosed,
)
from otae.invitations.listing import rfc3339
from otae.mdm import checkin, devices
from otae.mdm.checkin import Reply
from otae.signing.certificates import Keyed, dump_key, fingerprint
from otae.store import database, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import (
    Challenge,
    Delivery,
    Device,
    Enrollment,
    EnrollmentSession,
    Event,
    Invitation,
    Notice,
    UserChannel,
)
from tests.authority.identities import issue_identity
from tests.desks import RecordingBell
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.mdm.talk import enroll, ready, record, refused

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_a_mac_is_enrolled_with_token_update_not_before(desk: Desk, bell: RecordingBell, way: str) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac, way=way)
    assert await mac.authenticate(desk, now, topic) == Reply()
    session = await EnrollmentSession.get()
    assert session.status == ("configured" if way == "ota" else "certified")
    assert (session.udid, session.serial) == (mac.udid, mac.serial)
    found = await devices.find_device(mac.udid)
    assert found is not None
    assert (found.status, found.enrolled_at) == ("authenticated", None)
    assert bell.rung == []
    assert await mac.token_update(desk, now, topic) == Reply()
    assert (await EnrollmentSession.get()).status == "enrolled"
    invited = await Invitation.get()
    assert (invited.status, invited.token_sealed, invited.redeemed_at) == ("redeemed", None, now)
    confirmation = await Delivery.get(kind="confirmation")
    assert bell.rung == [("delivery", confirmation.id)]
    assert (await lab.events(session))[-3:] == ["checkin.authenticate", "checkin.enrolled", "session.enrolled"]
    assert mac.mdm is not None
    found = await devices.find_device(mac.udid)
    assert found is not None
    assert found.as_json() == {
        "udid": mac.udid,
        "serial": mac.serial,
        "user": "ben",
        "ownership": "corporate",
        "access_rights": 8191,
        "status": "enrolled",
        "os_version": "13.0",
        "model": "VirtualMac2,1",
        "invitation": str(invited.id),
        "certificate_sha256": fingerprint(mac.mdm.certificate),
        "enrolled_at": rfc3339(now),
    }


async def test_a_name_with_characters_that_xml_has_no_place_for_keeps_no_mac_out(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    said = {"MessageType": "Authenticate", "UDID": mac.udid, "Topic": topic, "SerialNumber": mac.serial}
    body = plist.dumps(said | {"DeviceName": "Ben?s Mac", "ProductName": "VirtualMac2,1", "OSVersion": "13.0"})
    body = body.replace(b"Ben?s", b"Ben\x00s")
    assert await checkin.answer(desk, body, mac.sign_header(body), now=now) == Reply()
    assert (await Device.get(udid=mac.udid)).name == "Ben s Mac"


async def test_push_values_lie_sealed(desk: Desk) -> None:
    mac = LabMac()
    await enroll(desk, mac)
    enrollment = await Enrollment.get()
    assert enrollment.push_token_sealed is not None
    assert desk.vault.open(enrollment.push_token_sealed, enrollment.id, checkin.PUSH_TOKEN) == b"\x01" * 32
    assert enrollment.push_magic_sealed is not None
    assert desk.vault.open(enrollment.push_magic_sealed, enrollment.id, checkin.PUSH_MAGIC) == b"magic"


async def test_an_expired_invitation_does_not_stop_a_live_session(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await Invitation.all().update(status="expired")
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    assert (await Invitation.get()).status == "redeemed"


async def test_a_replayed_authenticate_changes_nothing(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await enroll(desk, mac)
    before, events = await record(mac.udid), await Event.all().count()
    assert await mac.authenticate(desk, now + timedelta(hours=2), topic, OSVersion="99") == Reply()
    assert await record(mac.udid) == before
    assert await Event.all().count() == events


async def test_one_authenticate_sent_many_times_at_once_begins_one_enrollment(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac, way="profile")
    answers = await asyncio.gather(*(mac.authenticate(desk, now, topic) for _ in range(10)))
    assert answers == [Reply()] * 10
    assert await Enrollment.all().count() == await Device.all().count() == 1


async def test_one_token_update_sent_many_times_at_once_redeems_once(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    await mac.authenticate(desk, now, topic)
    answers = await asyncio.gather(*(mac.token_update(desk, now, topic) for _ in range(10)))
    assert answers == [Reply()] * 10
    assert await Event.filter(kind="session.enrolled").count() == 1
    assert await Delivery.filter(kind="confirmation").count() == 1


async def renewed(desk: Desk, mac: LabMac, now: datetime) -> Keyed:
    """Issue a further identity of the session, as a renewal does."""
    key = lab.key(f"renewed for {mac.serial}")
    row = await issue_identity(
        desk,
        public_key=key.public_key(),
        purpose="mdm-identity",
        common_name="otae renewed",
        session=await EnrollmentSession.get(udid=mac.udid),
        now=now,
    )
    assert row.der is not None
    return Keyed.load(row.der, dump_key(key))


async def test_mdm_4_a_renewed_certificate_is_pinned_again_and_the_record_stays(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await enroll(desk, mac)
    enrollment, old = await Enrollment.get(), mac.mdm
    later = now + timedelta(days=1)
    mac.mdm = await renewed(desk, mac, now)
    await mac.authenticate(desk, later, topic)
    again = await Enrollment.get()
    assert (again.id, again.status, again.enrolled_at) == (enrollment.id, "enrolled", now)
    assert again.push_token_sealed == enrollment.push_token_sealed
    assert (again.certificate_id != enrollment.certificate_id) == (
        again.previous_certificate_id == enrollment.certificate_id
    )
    await mac.say(desk, later, "GetBootstrapToken", by=old)
    await mac.token_update(desk, later, topic)
    await refused(mac.say(desk, later, "GetBootstrapToken", by=old), CertificateRevoked)
    assert (await Enrollment.get()).previous_certificate_id is None
    assert await Delivery.filter(kind="confirmation").count() == 1


async def test_an_identity_just_past_its_end_may_still_check_in(desk: Desk) -> None:
    mac = LabMac()
    _, now = await enroll(desk, mac)
    assert (await mac.say(desk, now + timedelta(days=371), "GetBootstrapToken")).status == 200
    await refused(mac.say(desk, now + timedelta(days=373), "GetBootstrapToken"), CertificateRevoked)
    await properties.write("identity.grace.days", "0")
    await refused(mac.say(desk, now + timedelta(days=366), "GetBootstrapToken"), CertificateRevoked)


async def test_mdm_5_token_updates_replace_push_values_and_channels_stay_apart(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await enroll(desk, mac)
    await mac.token_update(desk, now, topic, Token=b"\x02" * 32, PushMagic="second")
    person: dict[str, Any] = {
        "UserID": "6CE4A3DD-3C0F-4C25-8F0C-C7F0C0F9D1A1",
        "UserShortName": "ben",
        "UserLongName": "Ben",
    }
    for token in (b"\x07" * 32, b"\x08" * 32):
        await mac.token_update(desk, now, topic, Token=token, PushMagic="user", **person)
    enrollment, channel = await Enrollment.get(), await UserChannel.get()
    assert enrollment.push_token_sealed is not None
    assert desk.vault.open(enrollment.push_token_sealed, enrollment.id, checkin.PUSH_TOKEN) == b"\x02" * 32
    assert channel.push_token_sealed is not None
    assert desk.vault.open(channel.push_token_sealed, channel.id, checkin.PUSH_TOKEN) == b"\x08" * 32
    assert (channel.user_id, channel.short_name) == (person["UserID"], "ben")


async def test_mdm_6_the_bootstrap_token_is_kept_sealed_given_back_and_taken_away(desk: Desk) -> None:
    mac = LabMac()
    _, now = await enroll(desk, mac)
    assert await mac.say(desk, now, "GetBootstrapToken") == Reply(content_type="application/xml")
    await mac.say(desk, now, "SetBootstrapToken", BootstrapToken=b"bootstrap secret")
    sealed = (await Enrollment.get()).bootstrap_token_sealed
    assert sealed is not None
    assert b"bootstrap secret" not in sealed
    reply = await mac.say(desk, now, "GetBootstrapToken")
    assert plist.loads(reply.body) == {"BootstrapToken": b"bootstrap secret"}
    await mac.say(desk, now, "SetBootstrapToken")
    assert (await mac.say(desk, now, "GetBootstrapToken")).body == b""


async def test_mdm_7_directory_users_are_not_managed(desk: Desk) -> None:
    mac = LabMac()
    _, now = await enroll(desk, mac)
    assert (await mac.say(desk, now, "UserAuthenticate", UserID="ABC-1")).status == 410


async def test_check_out_ends_the_enrollment_and_its_certificate(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await enroll(desk, mac)
    assert await mac.say(desk, now, "CheckOut", Topic=topic) == Reply()
    enrollment = await Enrollment.get()
    assert (enrollment.status, enrollment.ended_at) == ("unenrolled", now)
    assert (enrollment.ended_by, enrollment.trouble) == ("profile", "removed")
    notice = await Notice.get()
    assert (notice.kind, notice.device_id) == ("unenrolled", enrollment.device_id)
    assert notice.person_id == enrollment.person_id
    for saying in (mac.authenticate(desk, now, topic), mac.say(desk, now, "GetBootstrapToken")):
        await refused(saying, CertificateRevoked)


async def test_enrolling_closes_what_the_session_still_had_open(desk: Desk) -> None:
    mac = LabMac()
    topic, now = await ready(desk, mac)
    session = await EnrollmentSession.get()
    secret = await sessions.mint_challenge(session, "ota", now=now, expires_at=session.expires_at)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    assert not await Challenge.filter(used_at=None, closed_at=None).exists()
    with pytest.raises(SessionClosed):
        async with transaction():
            await sessions.use_challenge(secret, "ota", now=now)


async def test_a_rehearsals_mac_is_marked_and_left_out_of_lists(desk: Desk) -> None:
    mac = LabMac()
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile", columns={"rehearsal": True})
    topic = await mac.install_profile(desk, session, now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    assert (await Device.get()).rehearsal
    assert (await Enrollment.get()).rehearsal
    assert await devices.list_devices() == []
    assert await devices.find_device(mac.udid) is not None
    assert await Event.filter(session_id=session.id, rehearsal=False).count() == 0


async def test_a_new_certificate_and_token_update_at_once_both_count(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    topic = await mac.install_profile(desk, session, now)
    await mac.authenticate(desk, now, topic)
    old = mac.mdm
    await mac.install_profile(desk, session, now)
    replies = await asyncio.gather(
        mac.authenticate(desk, now, topic), mac.token_update(desk, now, topic, by=old), return_exceptions=True
    )
    # Whoever comes first: enrolling revokes the certificate that no Mac had shown yet.
    assert replies[1] == Reply()
    assert isinstance(replies[0], Reply | CertificateRevoked | SessionClosed)
    assert (await Enrollment.get()).status == "enrolled"


def test_every_message_that_is_read_has_an_answer() -> None:
    assert set(checkin.ANSWERS) == set(apple.MESSAGE_TYPES.values())


@dataclass(frozen=True, slots=True)
class Hello(apple.Checkin):
    udid: str
    name: str

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(udid=fields.required_form("UDID", UDID), name=fields.required_text("Name"))


async def test_a_new_message_is_a_class_and_an_entry_in_each_table(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def greet(sender: checkin.Sender, message: Hello) -> Reply:
        return Reply(body=f"{message.name} at {sender.now:%Y}".encode())

    monkeypatch.setitem(apple.MESSAGE_TYPES, "Hello", Hello)
    monkeypatch.setattr(checkin, "ANSWERS", checkin.ANSWERS | {Hello: greet})
    mac = LabMac()
    _, now = await enroll(desk, mac)
    assert (await mac.say(desk, now, "Hello", Name="Ben")).body == f"Ben at {now:%Y}".encode()
