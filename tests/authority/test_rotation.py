"""New keys while old ones are in use: nobody is cut off, and nothing is issued that does not verify."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from otae.authority import issuers, serving
from otae.authority.crl import crl
from otae.authority.revocation import check_valid, revoke
from otae.authority.rotation import for_envelope, renew_due, rotate_device_ca
from otae.enrollment import issuance, profiles
from otae.errors import NotReady, StaleState
from otae.mdm import devices
from otae.signing import cms, scep_client
from otae.signing.certificates import check_issued_by, load_certificate
from otae.signing.envelopes import encrypt
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Certificate, EnrollmentSession
from tests.authority.identities import issue_identity, sign
from tests.authority.openssl import verify
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

pytestmark = pytest.mark.anyio


async def issue(desk: Desk, session: EnrollmentSession, key: rsa.RSAPrivateKey) -> Certificate:
    return await issue_identity(
        desk,
        public_key=key.public_key(),
        purpose="mdm-identity",
        common_name="Ben's Mac",
        session=session,
        now=await database.now(),
    )


async def certificate(row: Certificate) -> x509.Certificate:
    await row.refresh_from_db()
    return load_certificate(row.der or b"")


async def test_a_rotation_makes_a_device_ca_with_a_registration_authority_and_a_signer(
    desk: Desk, tmp_path: Path
) -> None:
    now, root = await database.now(), await issuers.root()
    former = {purpose: await issuers.active_row(purpose) for purpose in ("device-ca", "ra", "profile-signer")}
    done = await rotate_device_ca(desk, now=now, actor="ada")
    device_ca = await issuers.active_row("device-ca")
    assert (done.sha256, done.former_sha256) == (device_ca.sha256, former["device-ca"].sha256)
    assert device_ca.subject == "CN=otae Device CA 2,O=otae"
    for purpose in ("device-ca", "ra", "profile-signer"):
        row = await issuers.active_row(purpose)
        assert row.id != former[purpose].id
        assert verify(tmp_path, await certificate(row), await issuers.chain(purpose), root) == ""
        before = await certificate(former[purpose])
        assert verify(tmp_path, before, await issuers.chain_of(former[purpose]), root) == ""
    served = set(scep_client.read_certificates(await issuance.ca_certificates(desk)))
    assert served == {await issuers.certificate_of("ra"), await certificate(device_ca), root}
    assert await AuditEntry.filter(action="ca.rotated", actor="ada", subject=done.sha256).count() == 1


async def test_a_third_device_ca_has_another_name_again(desk: Desk) -> None:
    now = await database.now()
    await rotate_device_ca(desk, now=now, actor="ada")
    assert (await rotate_device_ca(desk, now=now, actor="ada")).subject == "CN=otae Device CA 3,O=otae"


async def test_identities_from_before_and_after_both_check_in(desk: Desk) -> None:
    now = await database.now()
    old, new = LabMac(udid=f"{1:032X}", serial="C02LAB00OLD"), LabMac(udid=f"{2:032X}", serial="C02LAB00NEW")
    ben = await lab.signed_in(desk, now, way="profile")
    topic = await old.install_profile(desk, ben, now)
    assert (await old.authenticate(desk, now, topic)).status == 200
    await rotate_device_ca(desk, now=now, actor="ada")
    ada = await lab.signed_in(desk, now, "cleo", way="profile")
    assert await new.install_profile(desk, ada, now) == topic
    assert (await new.authenticate(desk, now, topic)).status == 200
    for mac in (old, new):
        assert (await mac.token_update(desk, now, topic)).status == 200
        found = await devices.find_device(mac.udid)
        assert found is not None
        assert found.status == "enrolled"
    issuers_of = {(await Certificate.get(purpose="mdm-identity", session_id=row.id)).issuer_id for row in (ben, ada)}
    assert len(issuers_of) == 2


async def test_a_request_enveloped_to_the_former_registration_authority_is_answered_until_that_ends(
    desk: Desk,
) -> None:
    now = await database.now()
    former = await issuers.active_row("ra")
    session = await lab.signed_in(desk, now, way="profile")
    challenge = lab.challenge_of(await profiles.single_profile(desk, session, now=now))
    request, signer, bag = await LabMac().request(desk, challenge)
    await rotate_device_ca(desk, now=now, actor="ada")
    ended = await issuance.answer(desk, request.data, now=former.not_after + timedelta(seconds=1))
    assert scep_client.read_reply(ended, request, signer, [await issuers.certificate_of("ra")]).status == "failure"
    reply = scep_client.read_reply(await issuance.answer(desk, request.data, now=now), request, signer, bag)
    assert reply.certificate is not None
    check_issued_by(reply.certificate, await issuers.certificate_of("device-ca"))


async def test_the_registration_authority_is_chosen_by_whom_the_envelope_names(desk: Desk) -> None:
    now = await database.now()
    former = await issuers.keyed(desk, "ra")
    await rotate_device_ca(desk, now=now, actor="ada")
    current, strange = await issuers.keyed(desk, "ra"), await issuers.certificate_of("profile-signer")
    for recipient, chosen in (
        (former.certificate, former),
        (current.certificate, current),
        (strange, current),
    ):
        found = (await for_envelope(desk, encrypt(b"x", recipient, "aes-128-cbc"), now=now)).ra
        assert found.certificate == chosen.certificate
    assert (await for_envelope(desk, b"no envelope", now=now)).ra.certificate == current.certificate


async def test_each_device_ca_keeps_its_own_list_of_revoked_certificates(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    now, root = await database.now(), await issuers.root()
    former, old = await issuers.active_row("device-ca"), await issue(desk, session, mac_key)
    await rotate_device_ca(desk, now=now, actor="ada")
    current, new = await issuers.active_row("device-ca"), await issue(desk, session, mac_key)
    await revoke(old, "keyCompromise", now=now, actor="ada")
    for ca, row, words in ((former, old, "certificate revoked"), (current, new, "")):
        listed = x509.load_der_x509_crl(await crl(desk, str(ca.id), now=now))
        assert len(listed) == (ca is former)
        (tmp_path / "list.pem").write_bytes(listed.public_bytes(Encoding.PEM))
        judged = verify(
            tmp_path,
            await certificate(row),
            [await certificate(former), await certificate(current)],
            root,
            "-crl_check",
            "-CRLfile",
            "list.pem",
        )
        assert (words in judged) if words else judged == ""
    await check_valid(new.sha256 or "", now=now)


async def test_two_rotations_at_once_are_one(desk: Desk) -> None:
    now = await database.now()
    done = await asyncio.gather(
        *(rotate_device_ca(desk, now=now, actor="ada") for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in done) == ["RotationResult", "StaleState"]
    assert [isinstance(result, StaleState) for result in done].count(True) == 1
    assert await Certificate.filter(purpose="device-ca").count() == 2
    assert await AuditEntry.filter(action="ca.rotated").count() == 1


@pytest.mark.slow
async def test_whatever_is_issued_while_the_ca_rotates_verifies_against_its_issuer(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    now, root = await database.now(), await issuers.root()

    async def after(number: int) -> Certificate:
        await asyncio.sleep(number * 0.05)
        return await issue(desk, session, mac_key)

    async with asyncio.TaskGroup() as group:
        issuing = [group.create_task(after(number)) for number in range(20)]
        group.create_task(rotate_device_ca(desk, now=now, actor="ada"))
    for task in issuing:
        row = task.result()
        issuer = await certificate(await Certificate.get(id=row.issuer_id))
        assert verify(tmp_path, await certificate(row), [issuer], root) == ""


async def test_what_was_reserved_before_is_signed_by_the_one_it_was_reserved_with(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    now, former = await database.now(), await issuers.certificate_of("device-ca")
    row = await issuers.reserve("mdm-identity", common_name="Ben's Mac", session=session, now=now)
    await rotate_device_ca(desk, now=now, actor="ada")
    await sign(desk, row, mac_key.public_key())
    check_issued_by(await certificate(row), former)


async def test_without_the_root_key_there_is_no_rotation_and_everything_below_is_renewed(
    desk: Desk, tmp_path: Path
) -> None:
    await Certificate.filter(purpose="root").update(key_sealed=None)
    with pytest.raises(NotReady):
        await rotate_device_ca(desk, now=await database.now(), actor="ada")
    ends = (await issuers.active_row("ra")).not_after
    assert await renew_due(desk, now=ends - serving.RENEW_WITHIN) == ["ra"]
    assert await serving.renew_leaf(desk, now=(await issuers.active_row("tls")).not_after)
    for purpose in ("ra", "profile-signer", "tls"):
        found = await issuers.certificate_of(purpose)
        at = str(int((await issuers.active_row(purpose)).not_before.timestamp()) + 1)
        chain = await issuers.chain(purpose)
        assert verify(tmp_path, found, chain, await issuers.root(), "-attime", at) == ""


async def test_the_clock_renews_thirty_days_before_the_end_and_not_earlier(desk: Desk) -> None:
    row = await issuers.active_row("ra")
    assert await renew_due(desk, now=row.not_after - timedelta(days=31)) == []
    now = row.not_after - timedelta(days=30)
    assert await renew_due(desk, now=now) == ["ra"]
    assert await renew_due(desk, now=now) == []
    fresh = await issuers.active_row("ra")
    assert fresh.id != row.id
    assert fresh.issuer_id == row.issuer_id
    for each in (fresh, row):
        envelope = encrypt(b"x", load_certificate(each.der or b""), "aes-128-cbc")
        found = (await for_envelope(desk, envelope, now=now)).ra
        assert found.certificate.serial_number == int(each.serial_number, 16)
    assert await AuditEntry.filter(action="ra.renewed", actor="clock", subject=fresh.sha256).count() == 1


async def test_two_clocks_at_once_renew_once(desk: Desk) -> None:
    now = (await issuers.active_row("ra")).not_after - timedelta(days=1)
    done = await asyncio.gather(*(renew_due(desk, now=now) for _ in range(3)))
    assert sorted(done) == [[], [], ["ra"]]
    assert await Certificate.filter(purpose="ra").count() == 2


async def test_what_ends_with_its_issuer_is_not_made_again_and_again(desk: Desk) -> None:
    end = (await issuers.active_row("device-ca")).not_after
    for _ in range(2):
        await renew_due(desk, now=end - timedelta(days=20))
    assert (await issuers.active_row("ra")).not_after == end
    assert await Certificate.filter(purpose="profile-signer").count() <= 2
    count = await Certificate.filter(purpose="ra").count()
    assert await renew_due(desk, now=end - timedelta(days=1)) == []
    assert await Certificate.filter(purpose="ra").count() == count


async def test_the_key_of_a_replaced_one_leaves_when_that_has_ended(desk: Desk) -> None:
    former, now = await issuers.active_row("ra"), await database.now()
    await rotate_device_ca(desk, now=now, actor="ada")
    await renew_due(desk, now=former.not_after)
    await former.refresh_from_db()
    assert former.key_sealed is not None
    await renew_due(desk, now=former.not_after + timedelta(seconds=1))
    await former.refresh_from_db()
    assert former.key_sealed is None


async def test_profiles_are_signed_by_the_new_signer_and_its_chain(desk: Desk) -> None:
    await rotate_device_ca(desk, now=await database.now(), actor="ada")
    message = cms.verify(await profiles.trust_profile(desk), policy=cms.Policy())
    assert message.signer == await issuers.certificate_of("profile-signer")
    assert await issuers.certificate_of("device-ca") in message.certificates
    signer, chain = await issuers.keyed_with_chain(desk, "profile-signer")
    assert (signer.certificate, chain) == (message.signer, await issuers.chain("profile-signer"))
