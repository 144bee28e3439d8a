"""What a Mac must not get away with over the air: one clear refusal each, recorded, and nothing half-done."""

from dataclasses import replace
from datetime import timedelta

import pytest

from otae.invitations import lifecycle
from otae.rehearsal.hardware import MessageFormat, make_device_ca
from otae.rehearsal.identity import ScepClient
from otae.rehearsal.mac import build_hardware
from otae.rehearsal.report import MacRefuses
from otae.signing.certificates import der
from otae.store import database
from otae.store.models import Certificate, Challenge, Device, EnrollmentSession, Invitation
from tests.flow.house import House
from tests.flow.visits import recorded, service, told, visit

pytestmark = pytest.mark.anyio

PLAIN = MessageFormat(indefinite=False)


async def test_phase_two_works_once(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        body = await ben.mac.phase_two(ben.service)
        assert (await ben.mac.post_device(ben.service.url, body, name="first")).status == 200
        await told(house, await ben.mac.post_device(ben.service.url, body, name="again"), 403, "challenge-used")
    assert await ben.status() == "identified"


async def test_a_second_mac_cannot_use_the_first_one_s_session(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        early = await service(house, ben.mac, ben.session)
        await ben.phase_two()
        other = await house.mac(line)
        answer = await other.post_device(early.url, await other.phase_two(early), name="other")
        await told(house, answer, 403, "challenge-used")
    assert await ben.status() == "identified"
    assert ben.session.serial == ben.mac.facts.serial


async def test_the_invitation_s_serial_number_decides_which_mac(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        await Invitation.filter(id=ben.invitation.id).update(serial="C02EXAMPLE99")
        answer = await ben.mac.post_device(ben.service.url, await ben.mac.phase_two(ben.service), name="phase-2")
        await told(house, answer, 403, "device-mismatch")
    assert await ben.status() == "refused"
    assert ben.session.serial is None


async def test_an_unknown_challenge_is_refused(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        body = await ben.mac.phase_two(ben.service, challenge="guessed")
        await told(
            house, await ben.mac.post_device(ben.service.url, body, name="x"), 403, "challenge-unknown", stored=False
        )
        body = ben.mac.signed(
            ben.mac.attributes(ben.service.attributes), ben.mac.hardware.identity, ben.mac.hardware.chain
        )
        await told(
            house, await ben.mac.post_device(ben.service.url, body, name="x"), 403, "challenge-unknown", stored=False
        )
    assert await ben.status() == "opened"


async def test_altered_content_is_refused(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line, shape=PLAIN)
        body = (await ben.mac.phase_two(ben.service)).replace(b"Mac15,12", b"Mac15,13")
        await told(house, await ben.mac.post_device(ben.service.url, body, name="x"), 403, "signature-invalid")
        await ben.phase_two()


async def test_a_mac_of_another_maker_is_refused(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        ben.mac.hardware = await build_hardware(make_device_ca(await database.now()), await database.now())
        body = await ben.mac.phase_two(ben.service)
        await told(house, await ben.mac.post_device(ben.service.url, body, name="x"), 403, "signer-untrusted")
    assert await ben.status() == "opened"


async def test_phase_three_speaks_for_its_own_mac_alone(house: House) -> None:
    async with house.line() as line:
        ben, cleo = await visit(house, line), await visit(house, line, "cleo")
        await ben.certified()
        await cleo.certified()
        ben.mac.profile_identity = cleo.mac.profile_identity
        await told(house, await ben.phase_three(), 403, "device-mismatch")
    assert await ben.status() == "certified"
    assert await Challenge.filter(purpose="mdm-identity").count() == 0


async def test_the_factory_identity_does_not_speak_in_phase_three(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        await ben.certified()
        ben.mac.profile_identity = ben.mac.hardware.identity
        await told(house, await ben.phase_three(), 403, "challenge-unknown", stored=False)
    assert await ben.status() == "certified"


@pytest.mark.parametrize("challenge", ["", "guessed"])
async def test_scep_wants_its_own_challenge(house: House, challenge: str) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        payload = replace(await ben.phase_two(), challenge=challenge or ben.service.challenge)
        with pytest.raises(MacRefuses, match="BAD_REQUEST"):
            await ben.mac.obtain(payload, name="x")
        await recorded(house, "")
    assert await Certificate.filter(purpose="ota-identity").count() == 0


async def test_a_scep_challenge_works_once(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        payload = await ben.phase_two()
        await ben.mac.obtain(payload, name="first")
        with pytest.raises(MacRefuses, match="BAD_REQUEST"):
            await ben.mac.obtain(payload, name="again")
        await recorded(house, "challenge-used")
    assert await Certificate.filter(purpose="ota-identity").count() == 1


async def test_a_retransmitted_request_gets_the_same_certificate(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        client = ScepClient(line, await ben.phase_two(), MessageFormat(), name="identity")
        await client.obtain(await database.now())
        answer = await client.send(line.last("identity.PKIOperation.sent"), await client.capabilities())
        assert answer.status == 200
    assert await Certificate.filter(purpose="ota-identity").count() == 1


async def test_somebody_else_s_mac_is_refused_until_it_is_released(house: House) -> None:
    async with house.line() as line:
        ben, cleo = await visit(house, line), await visit(house, line, "cleo")
        await ben.configured()
        await ben.mac.check_in()
        cleo.mac.facts = ben.mac.facts
        answer = await cleo.mac.post_device(cleo.service.url, await cleo.mac.phase_two(cleo.service), name="x")
        await told(house, answer, 403, "device-taken")
    assert await ben.status() == "enrolled"


async def test_a_revoked_invitation_stops_every_step(house: House) -> None:
    async with house.line() as line:
        ben, cleo, ada = [await visit(house, line, name) for name in ("ben", "cleo", "ada")]
        payload = await ben.phase_two()
        await cleo.certified()
        await ada.configured()
        for one in (ben, cleo, ada):
            await lifecycle.revoke(house.desk, one.invitation, now=await database.now(), actor="ada")
        with pytest.raises(MacRefuses, match="BAD_REQUEST"):
            await ben.mac.obtain(payload, name="x")
        await recorded(house, "invitation-revoked")
        await told(house, await cleo.phase_three(), 403, "invitation-revoked")
        answer = await ada.mac.put_checkin(ada.mac.message("Authenticate"), name="x")
        await told(house, answer, 400, "invitation-revoked")
    assert await Device.all().count() == 0


async def test_an_expired_session_stops_every_step(house: House) -> None:
    async with house.line() as line:
        ben, cleo = await visit(house, line), await visit(house, line, "cleo")
        await cleo.certified()
        past = await database.now() - timedelta(seconds=1)
        await EnrollmentSession.all().update(expires_at=past)
        answer = await ben.mac.post_device(ben.service.url, await ben.mac.phase_two(ben.service), name="x")
        await told(house, answer, 403, "session-expired")
        await told(house, await cleo.phase_three(), 403, "session-expired")


DOORS = [
    ("POST", "/zdm/macos/otae/device", 64, 400, "message-unreadable"),
    ("POST", "/scep", 64, 400, "message-unreadable"),
    ("PUT", "/mdm/checkin", 1024, 400, "signature-missing"),
    ("PUT", "/mdm/connect", 1024, 400, "signature-missing"),
]


@pytest.mark.parametrize(("method", "path", "kib", "status", "code"), DOORS)
async def test_too_much_and_garbage_are_refused(
    house: House, method: str, path: str, kib: int, status: int, code: str
) -> None:
    async with house.line() as line:
        large = await line.request(method, house.url + path, name="x", content=b"x" * (kib * 1024 + 1))
        assert (large.status, large.code) == (413, "too-large")
        for garbage in (b"", b"garbage", b"\x30\x80" * 20, b"<?xml version='1.0'?><plist/>"):
            answer = await line.request(method, house.url + path, name="x", content=garbage)
            assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("path", ["/zdm/macos/otae/device", "/scep"])
async def test_a_message_nested_too_deeply_is_too_large(house: House, path: str) -> None:
    async with house.line() as line:
        answer = await line.request("POST", house.url + path, name="x", content=b"\x30\x80" * 200)
    assert (answer.status, answer.code) == (413, "too-large")


async def test_an_ordinary_session_does_not_believe_a_rehearsal_s_maker(house: House) -> None:
    maker = make_device_ca(await database.now())
    async with house.line() as line:
        ben, live = await visit(house, line), await visit(house, line, "cleo")
        await Invitation.filter(id=live.invitation.id).update(rehearsal=True, rehearsal_ca=der(maker.certificate))
        ben.mac.hardware = await build_hardware(maker, await database.now())
        answer = await ben.mac.post_device(ben.service.url, await ben.mac.phase_two(ben.service), name="x")
        await told(house, answer, 403, "signer-untrusted")
    assert await ben.status() == "opened"


async def test_a_rehearsal_believes_its_own_maker_alone(house: House) -> None:
    maker = make_device_ca(await database.now())
    async with house.line() as line:
        live = await visit(house, line)
        await Invitation.filter(id=live.invitation.id).update(rehearsal=True)
        await EnrollmentSession.filter(id=live.session.id).update(rehearsal=True)
        body = await live.mac.phase_two(live.service)
        await told(house, await live.mac.post_device(live.service.url, body, name="x"), 403, "signer-untrusted")
        await Invitation.filter(id=live.invitation.id).update(rehearsal_ca=der(maker.certificate))
        await told(house, await live.mac.post_device(live.service.url, body, name="x"), 403, "signer-untrusted")
        live.mac.hardware = await build_hardware(maker, await database.now())
        await live.phase_two()
