"""What is refused at phase 2 before the message is believed stands with the session whose Challenge it carries."""

import pytest

from otae.apple import plist
from otae.enrollment import ota, progress
from otae.errors import AlgorithmRefused, PlistUnreadable, Refusal, SignatureInvalid, SignerUntrusted
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Challenge, EnrollmentSession, Event
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import refused, started, state
from tests.signing import forge

pytestmark = pytest.mark.anyio


def wrong_signer(challenge: str) -> bytes:
    mac = LabMac(signer=lab.device_certificate("a Mac", "Somebody Else"))
    return mac.post(mac.attributes(challenge))


def forged(challenge: str) -> bytes:
    mac = LabMac()
    signed = forge.signed(mac.signer, mac.attributes(challenge), name="sha1", bare=True)
    return signed.replace(b"VirtualMac2,1", b"VirtualMac2,2")


def out_of_form(challenge: str) -> bytes:
    mac = LabMac(udid="x' OR 1=1--")
    return mac.post(mac.attributes(challenge))


@pytest.mark.parametrize(
    ("message", "refusal"),
    [(wrong_signer, SignerUntrusted), (forged, SignatureInvalid), (out_of_form, PlistUnreadable)],
)
async def test_an_early_refusal_stands_in_the_timeline_and_on_the_persons_page(
    desk: Desk, message: object, refusal: type[Refusal]
) -> None:
    session, challenge = await started(desk)
    assert callable(message)
    said = await refused(desk, message(challenge), refusal)
    event = await Event.get(kind="refused")
    assert (event.session_id, event.invitation_id) == (session.id, session.invitation_id)
    seen = await EnrollmentSession.get(id=session.id).prefetch_related("invitation")
    told = progress.session_progress(seen, now=await database.now())
    assert (told.end, told.refusal, told.support_code) == (None, refusal.words, said.support_code)
    # Nobody was believed, so nothing ended, and the right Mac goes on.
    assert (await Challenge.get()).used_at is None
    await LabMac().phase_two(desk, challenge, await database.now())
    assert await state(session) == ("identified", LabMac().udid, None)


async def test_a_refused_algorithm_is_told_too(desk: Desk) -> None:
    session, challenge = await started(desk)
    await properties.write("mac.sha1", "false")
    await refused(desk, LabMac().post(LabMac().attributes(challenge)), AlgorithmRefused)
    assert await state(session) == ("opened", None, "algorithm-refused")


async def test_a_message_that_nobody_believes_ends_no_session_however_far_it_is(desk: Desk) -> None:
    session, challenge = await started(desk)
    mac = LabMac()
    await mac.phase_two(desk, challenge, await database.now())
    for message, refusal in ((wrong_signer, SignerUntrusted), (forged, SignatureInvalid)):
        await refused(desk, message(challenge), refusal)
    assert (await state(session))[:2] == ("identified", mac.udid)


async def test_a_challenge_of_another_kind_or_of_nobody_leads_to_no_session(desk: Desk) -> None:
    session, challenge = await started(desk)
    second = lab.challenge_of(await LabMac().phase_two(desk, challenge, await database.now()))
    for other in (second, "0" * 40, ""):
        with pytest.raises(SignatureInvalid):
            await ota.answer(desk, forged(other), now=await database.now())
    assert (await state(session))[2] is None
    unsigned = plist.dumps({"CHALLENGE": challenge})
    with pytest.raises(Refusal):
        await ota.answer(desk, unsigned, now=await database.now())
    assert (await state(session))[2] is None
