"""Phase 3: the identity of this session, on the Mac of phase 2, gets the final profile."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes

from otae.apple import plist
from otae.authority import issuers, revocation
from otae.enrollment import ota
from otae.errors import (
    CertificateRevoked,
    DeviceMismatch,
    Refusal,
    SignerUntrusted,
)
from otae.signing import cms, issuing
from otae.signing.certificates import Keyed, der, fingerprint
from otae.signing.envelopes import decrypt
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import certified, refused, state

pytestmark = pytest.mark.anyio


async def test_ota_4_the_certificate_of_another_session_does_not_speak_for_this_one(desk: Desk) -> None:
    bens, cleos = LabMac(), LabMac(udid="AAAABBBB-1111", serial="C02CLEO")
    first = await certified(desk, bens)
    second = await certified(desk, cleos, who="cleo")
    assert bens.ota is not None
    await refused(desk, cleos.post(cleos.attributes(), bens.ota), DeviceMismatch)
    assert (await state(first))[0] == "refused"
    assert (await state(second))[0] == "certified"
    await cleos.phase_three(desk, await database.now())


@pytest.mark.parametrize("other", [LabMac(udid="AAAABBBB-2222"), LabMac(serial="C02OTHER")])
async def test_ota_4_phase_three_of_another_mac_is_refused(desk: Desk, other: LabMac) -> None:
    mac = LabMac()
    await certified(desk, mac)
    said = other.attributes()
    await refused(desk, mac.post(said, mac.ota), DeviceMismatch)
    assert not await Challenge.filter(purpose="mdm-identity").exists()


async def test_ota_4_a_revoked_or_ended_certificate_is_refused(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    session = await certified(desk, mac)
    assert mac.ota is not None
    with pytest.raises(CertificateRevoked):
        await ota.answer(desk, mac.post(mac.attributes(), mac.ota), now=now + timedelta(days=366))
    row = await Certificate.get(sha256=fingerprint(mac.ota.certificate))
    await revocation.revoke(row, "keyCompromise", now=now, actor="ada")
    await refused(desk, mac.post(mac.attributes(), mac.ota), CertificateRevoked)
    assert await state(session) == ("certified", mac.udid, "certificate-revoked")


async def test_ota_4_a_certificate_that_only_looks_like_ours_is_refused(desk: Desk) -> None:
    mac = LabMac()
    await certified(desk, mac)
    assert mac.ota is not None
    subject = mac.ota.certificate.subject
    forged = issuing.build_identity(
        lab.key("a Mac").public_key(), subject, lab.maker("Somebody Else"), serial=1, **lab.TERM
    )
    await refused(desk, mac.post(mac.attributes(), Keyed(forged, lab.key("a Mac"))), SignerUntrusted)


async def test_the_mdm_identity_does_not_speak_in_phase_three(desk: Desk) -> None:
    now = await database.now()
    mac = LabMac()
    await mac.install_over_the_air(desk, await lab.signed_in(desk, now), now)
    await refused(desk, mac.post(mac.attributes(), mac.mdm), SignerUntrusted)


async def test_phase_three_may_be_asked_twice_and_the_last_challenge_counts(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    session = await certified(desk, mac)
    first = lab.challenge_of(await mac.phase_three(desk, now))
    second = lab.challenge_of(await mac.phase_three(desk, now))
    await mac.identity(desk, second, now)
    with pytest.raises(AssertionError, match="failure"):
        await mac.identity(desk, first, now, of="second identity")
    assert (await state(session))[0] == "configured"


async def test_ota_7_answers_carry_their_profile_byte_for_byte(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    await certified(desk, mac)
    answer = await mac.phase_three(desk, now)
    assert answer[:2] == b"\x30\x82"
    content = cms.verify(answer, policy=cms.Policy()).content
    assert plist.dumps(plist.loads(content)) == content


async def test_ota_8_the_encrypted_answer_opens_with_the_macs_key_alone(desk: Desk) -> None:
    await properties.write("enrollment.encrypt", "true")
    mac, now = LabMac(), await database.now()
    session = await certified(desk, mac)
    profile = lab.read_profile(await mac.phase_three(desk, now))
    assert profile["IsEncrypted"] is True
    assert "PayloadContent" not in profile
    envelope = profile["EncryptedPayloadContent"]
    assert isinstance(envelope, bytes)
    assert mac.ota is not None
    content = plist.loads_array(decrypt(envelope, mac.ota, allow_des3=False).content)
    kinds = [entry["PayloadType"] for entry in content if isinstance(entry, dict)]
    assert kinds == ["com.apple.security.root", "com.apple.security.scep", "com.apple.mdm"]
    with pytest.raises(Refusal):
        decrypt(envelope, mac.signer, allow_des3=False)
    assert (await state(session))[0] == "configured"


async def test_the_final_profile_binds_to_this_server(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    await certified(desk, mac)
    profile = lab.read_profile(await mac.phase_three(desk, now))
    assert profile["PayloadIdentifier"] == "localhost.otae.enroll"
    mdm, scep = lab.payload(profile, "com.apple.mdm"), lab.payload(profile, "com.apple.security.scep")
    assert mdm["IdentityCertificateUUID"] == scep["PayloadUUID"]
    assert mdm["ServerURL"] == "https://localhost:8443/mdm/connect"
    assert mdm["CheckInURL"] == "https://localhost:8443/mdm/checkin"
    assert mdm["ServerCapabilities"] == ["com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken"]
    wish = scep["PayloadContent"]
    assert isinstance(wish, dict)
    device_ca = await issuers.certificate_of("device-ca")
    assert wish["URL"] == "https://localhost:8443/scep"
    assert wish["CAFingerprint"] == device_ca.fingerprint(hashes.SHA1())  # noqa: S303 - what Macs compare
    assert lab.payload(profile, "com.apple.security.root")["PayloadContent"] == der(await issuers.root())
