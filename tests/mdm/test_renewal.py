"""A Mac's certificate is renewed before it ends: queued once, sent when it connects, pinned when it was used."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from otae.enrollment import sessions
from otae.errors import CertificateRevoked
from otae.mdm import renewal
from otae.signing.certificates import fingerprint
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge, Command, Device, Enrollment, Event, Notice
from tests.enrollment import lab
from tests.enrollment.scep_talk import failed
from tests.mdm.renewing import enrolled, first_profile, statuses
from tests.mdm.talk import OTHER, refused

pytestmark = pytest.mark.anyio


async def test_a_renewal_is_due_in_its_last_days_and_queued_once(desk: Desk) -> None:
    one = await enrolled(desk)
    now = await database.now()
    assert await renewal.renew_due(desk, now=now) == 0
    assert await one.put(now) == b""
    assert await renewal.renew_due(desk, now=one.soon) == 1
    assert await renewal.renew_due(desk, now=one.soon) == 0
    together = await asyncio.gather(*(renewal.renew_due(desk, now=one.soon) for _ in range(5)))
    assert sum(together) == 0
    assert await statuses() == ["queued"]


async def test_two_clocks_at_once_queue_one_renewal(desk: Desk) -> None:
    one = await enrolled(desk)
    together = await asyncio.gather(*(renewal.renew_due(desk, now=one.soon) for _ in range(5)))
    assert sum(together) == 1
    assert await statuses() == ["queued"]


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_the_profile_is_the_same_but_for_uuids_and_challenge(desk: Desk, way: str) -> None:
    one = await enrolled(desk, way)
    await renewal.renew_due(desk, now=one.soon)
    made_of = await first_profile(desk)
    _, profile, challenge = await one.fetch(one.soon)
    for kind in ("com.apple.mdm", "com.apple.security.scep"):
        before, after = lab.payload(made_of, kind), lab.payload(profile, kind)
        assert before["PayloadIdentifier"] == after["PayloadIdentifier"]
        assert before["PayloadUUID"] != after["PayloadUUID"]
    mdm_before, mdm_after = lab.payload(made_of, "com.apple.mdm"), lab.payload(profile, "com.apple.mdm")
    changing = {"PayloadUUID", "IdentityCertificateUUID"}
    assert {key: mdm_before[key] for key in mdm_before if key not in changing} == {
        key: mdm_after[key] for key in mdm_after if key not in changing
    }
    assert profile["PayloadIdentifier"] == made_of["PayloadIdentifier"]
    assert profile["PayloadUUID"] != made_of["PayloadUUID"]
    assert mdm_after["Topic"] == one.topic
    assert mdm_after["IdentityCertificateUUID"] == lab.payload(profile, "com.apple.security.scep")["PayloadUUID"]
    assert (await sessions.find_challenge(challenge, (sessions.RENEWAL,))) is not None


async def test_a_renewal_sends_the_rights_of_the_enrollment_whatever_they_are_now(desk: Desk) -> None:
    await properties.write("mdm.rights.corporate", "3827")
    one = await enrolled(desk)
    await properties.write("mdm.rights.corporate", "8191")
    await renewal.renew_due(desk, now=one.soon)
    _, profile, _ = await one.fetch(one.soon)
    assert lab.payload(profile, "com.apple.mdm")["AccessRights"] == 3827


async def test_mdm_4_the_new_certificate_is_pinned_and_the_record_stays(desk: Desk) -> None:
    one = await enrolled(desk)
    old, before = one.mac.mdm, await Enrollment.get().values()
    device = await Device.get().values()
    assert old is not None
    await renewal.renew_due(desk, now=one.soon)
    uuid, _, challenge = await one.fetch(one.soon)
    new = await one.mac.identity(desk, challenge, one.soon, of="renewed identity")
    assert new.certificate.subject == old.certificate.subject
    assert "2.5.4.5=C02LAB00BEN" in new.certificate.subject.rfc4514_string()
    assert (await one.put(one.soon, by=old)) != b""
    await one.mac.authenticate(desk, one.soon, one.topic, by=new)
    enrollment = await Enrollment.get()
    assert enrollment.previous_certificate_id == before["certificate_id"]
    assert (await Certificate.get(sha256=fingerprint(old.certificate))).state == "issued"
    await one.mac.say(desk, one.soon, "GetBootstrapToken", by=old)
    await one.mac.token_update(desk, one.soon, one.topic, by=new)
    row = await Certificate.get(sha256=fingerprint(old.certificate))
    assert (row.state, row.revocation_reason) == ("revoked", "superseded")
    after = await Enrollment.get().values()
    same = set(before) - {"certificate_id", "push_token_sealed", "push_magic_sealed"}
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert {**await Device.get().values(), "seen_at": None} == {**device, "seen_at": None}
    assert await one.put(one.soon, "Acknowledged", by=new, CommandUUID=uuid) == b""
    assert await statuses() == ["acknowledged"]
    assert await renewal.renew_due(desk, now=one.soon + timedelta(days=2)) == 0
    await refused(one.mac.say(desk, one.soon, "GetBootstrapToken", by=old), CertificateRevoked)


async def test_a_command_of_the_new_certificate_ends_the_old_one_too(desk: Desk) -> None:
    one = await enrolled(desk)
    old = one.mac.mdm
    await renewal.renew_due(desk, now=one.soon)
    _, _, challenge = await one.fetch(one.soon)
    new = await one.mac.identity(desk, challenge, one.soon, of="renewed identity")
    await one.mac.authenticate(desk, one.soon, one.topic, by=new)
    assert await one.put(one.soon, by=new) == b""
    assert old is not None
    assert (await Certificate.get(sha256=fingerprint(old.certificate))).state == "revoked"


async def test_a_mac_is_renewed_again_a_year_later(desk: Desk) -> None:
    one = await enrolled(desk)
    await renewal.renew_due(desk, now=one.soon)
    one.mac.mdm = await one.renew(one.soon)
    later = one.soon + timedelta(days=340)
    assert await renewal.renew_due(desk, now=later) == 1
    await one.fetch(later)
    assert (await Event.filter(kind="certificate.issued").count()) == 3


async def test_mdm_9_not_now_keeps_the_command_and_a_second_answer_changes_nothing(desk: Desk) -> None:
    one = await enrolled(desk)
    await renewal.renew_due(desk, now=one.soon)
    uuid, _, first = await one.fetch(one.soon)
    assert await one.put(one.soon, "NotNow", CommandUUID=uuid) == b""
    assert await statuses() == ["notnow"]
    again, _, second = await one.fetch(one.soon)
    assert (again, first == second) == (uuid, False)
    for _ in range(2):
        assert await one.put(one.soon, "Acknowledged", CommandUUID=uuid) == b""
    assert await one.put(one.soon, "Error", CommandUUID=uuid) == b""
    assert await statuses() == ["acknowledged"]
    assert await Event.filter(kind="command.acknowledged").count() == 1


async def test_an_error_closes_the_command_and_a_day_later_it_is_tried_again(desk: Desk) -> None:
    one = await enrolled(desk)
    await renewal.renew_due(desk, now=one.soon)
    uuid, _, _ = await one.fetch(one.soon)
    chain = [{"ErrorCode": 15002, "ErrorDomain": "MDM-SCEP", "USEnglishDescription": "Unable to obtain certificate"}]
    assert await one.put(one.soon, "Error", CommandUUID=uuid, ErrorChain=chain) == b""
    assert await statuses() == ["error"]
    event = await Event.get(kind="command.error")
    assert "MDM-SCEP 15002: Unable to obtain certificate" in event.detail
    notice = await Notice.get()
    assert (notice.kind, notice.device_id) == ("renewal", event.device_id)
    assert notice.detail == "MDM-SCEP 15002: Unable to obtain certificate"
    assert await renewal.renew_due(desk, now=one.soon + timedelta(hours=23)) == 0
    assert await renewal.renew_due(desk, now=one.soon + timedelta(hours=25)) == 1
    assert await statuses() == ["error", "queued"]


async def test_a_command_whose_answer_was_lost_is_sent_again_under_its_name(desk: Desk) -> None:
    one = await enrolled(desk)
    await renewal.renew_due(desk, now=one.soon)
    first, _, early = await one.fetch(one.soon)
    second, _, late = await one.fetch(one.soon)
    assert first == second
    await one.mac.identity(desk, late, one.soon, of="renewed identity")
    await failed(desk, await one.mac.request(desk, early, of="another identity"), "challenge-used")


async def test_the_answer_of_another_mac_closes_nothing(desk: Desk) -> None:
    one = await enrolled(desk)
    other = await enrolled(desk, "profile", udid=OTHER, serial="C02OTHER")
    await renewal.renew_due(desk, now=one.soon)
    uuid, _, _ = await one.fetch(one.soon)
    await other.put(one.soon, "Acknowledged", CommandUUID=uuid)
    assert (await Command.get(id=UUID(uuid))).status == "sent"


async def test_people_on_the_mac_get_no_command_of_the_mac(desk: Desk) -> None:
    one = await enrolled(desk)
    await renewal.renew_due(desk, now=one.soon)
    assert await one.put(one.soon, UserID="AAAA-BBBB") == b""
    assert await statuses() == ["queued"]


async def test_an_identity_just_ended_still_checks_in_and_renews(desk: Desk) -> None:
    one = await enrolled(desk)
    ended = one.soon + timedelta(days=20 + 6)
    assert await renewal.renew_due(desk, now=ended) == 1
    new = await one.renew(ended)
    assert (await Enrollment.get(certificate__sha256=fingerprint(new.certificate))).status == "enrolled"


async def test_rehearsals_are_not_renewed(desk: Desk) -> None:
    one = await enrolled(desk)
    await Enrollment.all().update(rehearsal=True)
    assert await renewal.renew_due(desk, now=one.soon) == 0


async def test_a_mac_that_fetches_and_puts_off_without_end_leaves_a_few_rows(desk: Desk) -> None:
    ours = await enrolled(desk)
    await renewal.renew_due(desk, now=ours.soon)
    before = await Event.all().count()
    now = ours.soon
    for _ in range(sessions.MAX_UNUSED + 10):
        now += timedelta(seconds=1)
        uuid, _, _ = await ours.fetch(now)
        await ours.put(now, "NotNow", CommandUUID=uuid)
    assert await Event.all().count() == before + 2
    assert await Challenge.filter(purpose="renewal").count() == sessions.MAX_UNUSED + 1
    await ours.renew(now)
