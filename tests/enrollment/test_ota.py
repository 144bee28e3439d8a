"""Phases 1 to 3: who may speak, once, for which Mac."""

import asyncio

import pytest

from otae.authority import issuers
from otae.enrollment import ota
from otae.errors import (
    ChallengeExpired,
    ChallengeUnknown,
    ChallengeUsed,
    DeviceMismatch,
    DeviceTaken,
    InvitationRevoked,
    MessageUnreadable,
    PlistUnreadable,
    Refusal,
    SessionClosed,
    SessionExpired,
    SignatureInvalid,
    TooLarge,
)
from otae.signing import cms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Challenge, Device, Enrollment, EnrollmentSession, Event, Invitation
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import enrolled, refused, started, state
from tests.signing import forge

pytestmark = pytest.mark.anyio


async def test_a_mac_goes_all_the_way_over_the_air(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    mac = LabMac()
    topic = await mac.install_over_the_air(desk, session, now)
    assert topic.startswith("com.apple.mgmt.")
    row = await EnrollmentSession.get(id=session.id)
    assert (row.status, row.udid, row.serial) == ("configured", mac.udid, mac.serial)
    assert (row.product, row.build, row.profile_fetched_at) == ("VirtualMac2,1", "22A380", now)
    assert await lab.events(session) == [
        "session.opened",
        "profile.fetched",
        "session.identified",
        "certificate.issued",
        "session.certified",
        "session.configured",
        "certificate.issued",
    ]


async def test_phase_one_asks_for_the_attributes_at_public_url(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    profile = lab.read_profile(await ota.download(desk, session, now=now))
    assert profile["PayloadType"] == "Profile Service"
    assert profile["PayloadIdentifier"] == "localhost.otae.profile-service"
    content = profile["PayloadContent"]
    assert isinstance(content, dict)
    assert content["URL"] == "https://localhost:8443/zdm/macos/otae/device"
    assert content["DeviceAttributes"] == ["UDID", "VERSION", "PRODUCT", "SERIAL"]
    assert (await EnrollmentSession.get(id=session.id)).status == "opened"


async def test_every_answer_is_signed_under_our_root(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    message = cms.verify(await ota.phase_one(desk, session, now=now), policy=cms.Policy())
    assert message.signer == await issuers.certificate_of("profile-signer")
    assert set(message.certificates) == {message.signer, *await issuers.chain("profile-signer")}


async def test_ota_1_one_flipped_byte_is_refused_and_costs_nothing(desk: Desk) -> None:
    session, challenge = await started(desk)
    mac = LabMac()
    body = forge.signed(mac.signer, mac.attributes(challenge), name="sha1", bare=True)
    await refused(desk, body.replace(b"VirtualMac2,1", b"VirtualMac2,2"), SignatureInvalid)
    assert await state(session) == ("opened", None, "signature-invalid")
    await ota.answer(desk, body, now=await database.now())
    assert await state(session) == ("identified", mac.udid, None)


async def test_ota_2_a_digest_of_other_content_is_refused(desk: Desk) -> None:
    _, challenge = await started(desk)
    mac = LabMac()
    content = mac.attributes(challenge)
    info = forge.signer_info(mac.signer, content, forge.standard(content + b" "))
    await refused(desk, forge.message(content, [info], [mac.signer.certificate]), SignatureInvalid)


async def test_with_signed_attributes_is_accepted_too(desk: Desk) -> None:
    session, challenge = await started(desk)
    mac = LabMac()
    await ota.answer(desk, cms.sign(mac.attributes(challenge), mac.signer, []), now=await database.now())
    assert (await state(session))[0] == "identified"


async def test_ota_3_a_replay_is_refused_and_changes_nothing(desk: Desk) -> None:
    session, challenge = await started(desk)
    mac = LabMac()
    body = mac.post(mac.attributes(challenge))
    await ota.answer(desk, body, now=await database.now())
    challenges = await Challenge.all().order_by("created_at").values()
    await refused(desk, body, ChallengeUsed)
    assert await state(session) == ("identified", mac.udid, "challenge-used")
    assert await Challenge.all().order_by("created_at").values() == challenges


async def test_ota_3_of_parallel_posts_one_is_answered(desk: Desk) -> None:
    session, challenge = await started(desk)
    macs = [LabMac(udid=f"00008103-00000000000000{n:02d}", serial=f"C02LAB{n:05d}") for n in range(10)]
    now = await database.now()
    answers = await asyncio.gather(*(mac.phase_two(desk, challenge, now) for mac in macs), return_exceptions=True)
    assert sum(isinstance(answer, bytes) for answer in answers) == 1
    assert {type(answer) for answer in answers} == {bytes, ChallengeUsed}
    winner = next(mac for mac, answer in zip(macs, answers, strict=True) if isinstance(answer, bytes))
    assert (await state(session))[:2] == ("identified", winner.udid)
    assert await Challenge.filter(purpose="ota-identity").count() == 1


async def test_ota_3_after_the_end_of_the_session_phase_two_is_refused(desk: Desk) -> None:
    session, challenge = await started(desk)
    with pytest.raises(SessionExpired):
        await LabMac().phase_two(desk, challenge, session.expires_at)
    assert await state(session) == ("opened", None, "session-expired")


async def test_an_expired_challenge_of_a_live_session_is_refused(desk: Desk) -> None:
    session, challenge = await started(desk)
    await Challenge.all().update(expires_at=session.opened_at)
    await refused(desk, LabMac().post(LabMac().attributes(challenge)), ChallengeExpired)


@pytest.mark.parametrize("challenge", [None, "", "0" * 40, "x" * 500])
async def test_ota_6_without_a_challenge_of_ours_phase_two_is_refused(desk: Desk, challenge: str | None) -> None:
    session, _ = await started(desk)
    await refused(desk, LabMac().post(LabMac().attributes(challenge)), ChallengeUnknown)
    assert await state(session) == ("opened", None, None)


async def test_a_scep_challenge_opens_no_phase_two(desk: Desk) -> None:
    _, challenge = await started(desk)
    second = lab.challenge_of(await LabMac().phase_two(desk, challenge, await database.now()))
    await refused(desk, LabMac().post(LabMac().attributes(second)), ChallengeUnknown)


async def test_the_same_mac_may_start_again_and_another_may_not(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    mac, other = LabMac(), LabMac(udid="AAAABBBB-1111", serial="C02OTHER")
    await mac.install_over_the_air(desk, session, now)
    again = lab.challenge_of(await ota.phase_one(desk, session, now=now))
    await refused(desk, other.post(other.attributes(again)), DeviceMismatch)
    assert (await state(session))[:2] == ("configured", mac.udid)
    second = lab.challenge_of(await mac.phase_two(desk, again, now))
    assert (await state(session))[0] == "identified"
    mac.ota = await mac.identity(desk, second, now, of="first identity")
    await mac.phase_three(desk, now)
    assert (await state(session))[0] == "configured"


async def test_the_first_download_used_closes_the_others(desk: Desk) -> None:
    session, first = await started(desk)
    now = await database.now()
    second = lab.challenge_of(await ota.phase_one(desk, session, now=now))
    await LabMac().phase_two(desk, second, now)
    await refused(desk, LabMac().post(LabMac().attributes(first)), ChallengeUsed)


async def test_a_mac_with_another_serial_than_invited_ends_the_session(desk: Desk) -> None:
    session, challenge = await started(desk, serial="C02INVITED")
    await refused(desk, LabMac().post(LabMac().attributes(challenge)), DeviceMismatch)
    assert await state(session) == ("refused", None, "device-mismatch")
    assert (await lab.events(session))[-2:] == ["refused", "session.refused"]
    assert await Challenge.filter(used_at=None).count() == 1
    await refused(desk, LabMac().post(LabMac().attributes(challenge)), SessionClosed)


async def test_the_invited_serial_is_compared_without_case(desk: Desk) -> None:
    session, challenge = await started(desk, serial="c02lab00ben")
    await LabMac().phase_two(desk, challenge, await database.now())
    assert (await state(session))[0] == "identified"


async def test_a_withdrawn_invitation_stops_each_phase(desk: Desk) -> None:
    session, challenge = await started(desk)
    invited, mac, now = Invitation.filter(id=session.invitation_id), LabMac(), await database.now()
    await invited.update(status="revoked")
    await refused(desk, mac.post(mac.attributes(challenge)), InvitationRevoked)
    with pytest.raises(InvitationRevoked):
        await ota.phase_one(desk, session, now=now)
    await invited.update(status="pending")
    second = lab.challenge_of(await mac.phase_two(desk, challenge, now))
    mac.ota = await mac.identity(desk, second, now)
    await invited.update(status="revoked")
    await refused(desk, mac.post(mac.attributes(), mac.ota), InvitationRevoked)
    assert (await state(session))[0] == "certified"


async def test_a_mac_of_somebody_else_is_refused_until_it_is_released(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    device = await enrolled(mac, "cleo")
    before = await Device.all().values(), await Enrollment.all().values()
    session, challenge = await started(desk)
    await refused(desk, mac.post(mac.attributes(challenge)), DeviceTaken)
    assert await state(session) == ("refused", None, "device-taken")
    assert (await Device.all().values(), await Enrollment.all().values()) == before
    await Device.filter(id=device.id).update(released=True)
    session, challenge = await started(desk)
    await mac.phase_two(desk, challenge, now)


async def test_a_person_may_enroll_their_mac_again(desk: Desk) -> None:
    await enrolled(LabMac(), "ben")
    session, challenge = await started(desk)
    await LabMac().phase_two(desk, challenge, await database.now())
    assert (await state(session))[0] == "identified"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", MessageUnreadable),
        (b"<?xml version='1.0'?><plist/>", MessageUnreadable),
        (b"\x30\x80" * 40, Refusal),
        (b"\x30" * (64 * 1024 + 1), TooLarge),
    ],
)
async def test_garbage_is_one_clear_refusal(desk: Desk, body: bytes, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal) as caught:
        await ota.answer(desk, body, now=await database.now())
    assert caught.value.support_code
    assert await Event.all().count() == 0, "it concerns no session"


async def test_a_signed_message_that_is_no_list_of_attributes_is_refused(desk: Desk) -> None:
    session, challenge = await started(desk)
    mac = LabMac(udid="x' OR 1=1--")
    await refused(desk, mac.post(mac.attributes(challenge)), PlistUnreadable)
    assert (await state(session))[0] == "opened"


async def test_phase_one_of_an_ended_session_or_the_other_way_is_refused(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    with pytest.raises(SessionClosed) as caught:
        await ota.phase_one(desk, session, now=now)
    assert caught.value.support_code
    session = await lab.signed_in(desk, now)
    with pytest.raises(SessionExpired):
        await ota.phase_one(desk, session, now=session.expires_at)
    assert not await Challenge.exists()


async def test_signing_in_again_while_the_mac_answers_leaves_one_of_both(desk: Desk) -> None:
    now = await database.now()
    invited = await lab.invitation(now)
    for _ in range(5):
        session = await lab.signed_in(desk, now, of=invited)
        challenge = lab.challenge_of(await ota.phase_one(desk, session, now=now))
        phase_two = LabMac().phase_two(desk, challenge, now)
        outcome, _ = await asyncio.gather(phase_two, lab.signed_in(desk, now, of=invited), return_exceptions=True)
        status = (await EnrollmentSession.get(id=session.id)).status
        assert (type(outcome), status) in {(bytes, "identified"), (SessionClosed, "expired")}
