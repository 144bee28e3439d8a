"""What a Mac must not get away with once it has an identity: no other Mac's place, no altered word, no bomb."""

import base64

import pytest

from otae.apple import plist
from otae.rehearsal.hardware import MessageFormat, sign_as_mac
from otae.rehearsal.report import MacRefuses
from otae.signing.certificates import fingerprint
from otae.store.models import Certificate, Device, Enrollment
from tests.flow.house import House
from tests.flow.visits import recorded, told, visit

pytestmark = pytest.mark.anyio


async def test_the_identity_of_phase_two_does_not_check_in(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        await ben.configured()
        ben.mac.identity = ben.mac.profile_identity
        answer = await ben.mac.put_checkin(ben.mac.message("Authenticate"), name="x")
        assert (answer.status, answer.code) == (400, "certificate-mismatch")
        await recorded(house, "certificate-mismatch")
    assert await Enrollment.all().count() == 0


async def test_authenticate_for_another_mac_takes_the_certificate_back(house: House) -> None:
    async with house.line() as line:
        ben, cleo = await visit(house, line), await visit(house, line, "cleo")
        await ben.configured()
        await ben.mac.check_in()
        await cleo.configured()
        before = await Device.get(udid=ben.mac.facts.udid).values()
        stolen = cleo.mac.message("Authenticate", UDID=ben.mac.facts.udid, SerialNumber=ben.mac.facts.serial)
        await told(house, await cleo.mac.put_checkin(stolen, name="x"), 400, "device-mismatch")
        assert await Device.get(udid=ben.mac.facts.udid).values() == before
        assert cleo.mac.identity is not None
        assert (await Certificate.get(sha256=fingerprint(cleo.mac.identity.certificate))).state == "revoked"
        await ben.mac.idle()
    assert await Enrollment.filter(session_id=cleo.session.id).count() == 0


async def test_a_captured_final_profile_enrolls_no_other_mac(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        await ben.certified()
        final = ben.mac.read(await ben.phase_three(), what="phase 3")
        thief = await house.mac(line)
        await thief.install_mdm(final)
        with pytest.raises(MacRefuses, match="BAD_REQUEST"):
            await ben.mac.install_mdm(final)
        await recorded(house, "challenge-used")
        await told(house, await thief.put_checkin(thief.message("Authenticate"), name="x"), 400, "device-mismatch")
        assert thief.identity is not None
        assert (await Certificate.get(sha256=fingerprint(thief.identity.certificate))).state == "revoked"
    assert await Device.all().count() == 0


async def test_on_the_profile_way_the_serial_number_is_compared_at_authenticate(house: House) -> None:
    person = await house.person("ben")
    invitation = (await house.invite("ben", "two_factor", send=False, serial="C02EXAMPLE99")).invitation
    session = await house.signed_in(person, invitation, "profile")
    async with house.line() as line:
        mac = await house.mac(line)
        await mac.install(await house.download(session))
        await told(house, await mac.put_checkin(mac.message("Authenticate"), name="x"), 400, "device-mismatch")
    await session.refresh_from_db()
    assert (session.status, session.serial) == ("refused", None)
    assert await Device.all().count() == 0


async def test_the_profile_way_s_challenge_works_once(house: House) -> None:
    person = await house.person("ben")
    invitation = (await house.invite("ben", "two_factor", send=False)).invitation
    session = await house.signed_in(person, invitation, "profile")
    async with house.line() as line:
        first, second = await house.mac(line), await house.mac(line)
        download, later = await house.download(session), await house.download(session)
        await first.install(download)
        for other in (download, later):
            with pytest.raises(MacRefuses, match="BAD_REQUEST"):
                await second.install(other)
            await recorded(house, "challenge-used")
        await first.check_in()
    assert await Device.all().count() == 1


async def test_an_enrolled_mac_s_identity_speaks_for_no_other(house: House) -> None:
    async with house.line() as line:
        ben, cleo = await visit(house, line), await visit(house, line, "cleo")
        for one in (ben, cleo):
            await one.configured()
            await one.mac.check_in()
        for kind in ("Authenticate", "TokenUpdate", "CheckOut", "GetBootstrapToken"):
            message = cleo.mac.message(kind, UDID=ben.mac.facts.udid)
            answer = await cleo.mac.put_checkin(message, name="x")
            assert (answer.status, answer.code) == (400, "device-mismatch"), kind
        await ben.mac.idle()
        await cleo.mac.idle()
    assert await Enrollment.filter(status="enrolled").count() == 2


async def test_a_property_list_bomb_is_refused_even_when_signed(house: House) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "b">]><plist version="1.0"><dict/></plist>'
    deep = b'<?xml version="1.0"?><plist version="1.0">' + b"<array>" * 100 + b"</array>" * 100 + b"</plist>"
    async with house.line() as line:
        ben = await visit(house, line)
        await ben.configured()
        identity, management = ben.mac.identity, ben.mac.management
        assert identity is not None
        assert management is not None
        for body, code in ((bomb, "plist-unreadable"), (deep, "too-large")):
            signed = sign_as_mac(body, ben.mac.hardware.identity, (), MessageFormat())
            answer = await ben.mac.post_device(ben.service.url, signed, name="x")
            assert answer.code == code
            signature = base64.b64encode(sign_as_mac(body, identity, (), MessageFormat(), detached=True)).decode()
            headers = {"Mdm-Signature": signature}
            answer = await line.request("PUT", management.checkin_url, name="x", content=body, headers=headers)
            assert answer.code == code


async def test_an_altered_check_in_is_refused(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        await ben.configured()
        assert ben.mac.identity is not None
        assert ben.mac.management is not None
        body = plist.dumps(ben.mac.message("Authenticate"))
        signature = base64.b64encode(sign_as_mac(body, ben.mac.identity, (), MessageFormat(), detached=True)).decode()
        altered = body.replace(b"Rehearsal Mac", b"Some other Mac")
        headers = {"Mdm-Signature": signature}
        answer = await line.request("PUT", ben.mac.management.checkin_url, name="x", content=altered, headers=headers)
        await told(house, answer, 400, "signature-invalid", stored=False)
    assert await Device.all().count() == 0


async def test_what_is_not_offered_is_said_so(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        await ben.configured()
        await ben.mac.check_in()
        asked = ben.mac.message("UserAuthenticate", UserID=ben.mac.facts.user_id)
        assert (await ben.mac.put_checkin(asked, name="x")).status == 410
        for kind, more in (
            ("DeclarativeManagement", {"Endpoint": "tokens"}),
            ("GetToken", {"TokenServiceType": "com.apple.maid"}),
            ("Unheard", {}),
        ):
            answer = await ben.mac.put_checkin(ben.mac.message(kind, **more), name="x")
            assert (answer.status, answer.code) == (400, "checkin-unreadable")
