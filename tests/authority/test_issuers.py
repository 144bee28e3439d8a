"""Opening keys, naming chains, and issuing identities: intent first, then one signature that never changes."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from otae.authority import issuers
from otae.authority.revocation import revoke
from otae.errors import CertificateMismatch, CertificateRevoked, NotReady
from otae.signing.bundles import read_bundle
from otae.signing.certificates import fingerprint, load_certificate
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.keyring import open_vault
from otae.store.models import Certificate, EnrollmentSession
from tests.authority.identities import issue_identity, sign
from tests.authority.openssl import verify

pytestmark = pytest.mark.anyio


async def reserved(session: EnrollmentSession) -> Certificate:
    async with database.transaction():
        return await issuers.reserve("mdm-identity", common_name="Ben's Mac", session=session, now=await database.now())


async def test_a_key_opens_beside_its_certificate(desk: Desk) -> None:
    for purpose in ("device-ca", "ra", "profile-signer", "tls"):
        keyed = await issuers.keyed(desk, purpose)
        assert keyed.certificate.public_key() == keyed.key.public_key()
        assert keyed.certificate == await issuers.certificate_of(purpose)


async def test_chains_go_from_the_issuer_up_to_the_root_without_it(desk: Desk) -> None:
    device_ca, service_ca = await issuers.certificate_of("device-ca"), await issuers.certificate_of("service-ca")
    assert await issuers.chain("ra") == [device_ca]
    assert await issuers.chain("profile-signer") == [device_ca]
    assert await issuers.chain("tls") == [service_ca]
    assert await issuers.chain("device-ca") == []
    assert await issuers.chain("root") == []


async def test_the_root_is_exported_as_pem(desk: Desk) -> None:
    assert read_bundle(await issuers.root_pem()).certificates == (await issuers.root(),)


async def test_what_is_not_there_says_so(desk: Desk) -> None:
    with pytest.raises(NotReady, match="push"):
        await issuers.certificate_of("push")


async def test_a_key_taken_off_the_server_does_not_sign_even_if_it_was_opened_before(desk: Desk) -> None:
    await issuers.keyed(desk, "root")
    await Certificate.filter(purpose="root").update(key_sealed=None)
    with pytest.raises(NotReady, match="not on this server"):
        await issuers.keyed(desk, "root")
    assert (await issuers.root()).subject.rfc4514_string() == "CN=otae Root CA,O=otae"


async def test_the_tree_is_listed_root_first_with_the_days_left(desk: Desk) -> None:
    now = (await issuers.active_row("tls")).not_after - timedelta(days=5)
    listed = await issuers.tree(now)
    assert [row["purpose"] for row in listed] == ["root", "device-ca", "ra", "profile-signer", "service-ca", "tls"]
    assert listed[-1]["days_left"] == 5
    assert listed[0]["subject"] == "CN=otae Root CA,O=otae"
    assert listed[0]["sha256"] == fingerprint(await issuers.root())
    assert all(row["active"] for row in listed)


async def test_issued_identities_are_not_in_the_tree(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    await sign(desk, await reserved(session), mac_key.public_key())
    assert len(await issuers.tree(await database.now())) == 6


async def test_an_identity_is_what_we_decided_and_openssl_agrees(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    await properties.write("organization.name", "Example, Inc. + Söhne")
    row = await issue_identity(
        desk,
        public_key=mac_key.public_key(),
        purpose="mdm-identity",
        common_name="Ben's Mac",
        session=session,
        now=await database.now(),
    )
    certificate, device_ca = load_certificate(row.der or b""), await issuers.active_row("device-ca")
    subject = {attribute.oid: attribute.value for attribute in certificate.subject}
    assert subject == {
        x509.NameOID.ORGANIZATION_NAME: "Example, Inc. + Söhne",
        x509.NameOID.COMMON_NAME: "Ben's Mac",
    }
    assert certificate.public_key() == mac_key.public_key()
    assert row.sha256 == fingerprint(certificate)
    assert int(row.serial_number, 16) == certificate.serial_number
    assert (row.not_before, row.not_after) == (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    assert (row.not_after - row.not_before).days == 365
    assert (row.session_id, row.issuer_id, row.key_sealed) == (session.id, device_ca.id, None)
    extensions = certificate.extensions
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    (point,) = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name == [x509.UniformResourceIdentifier(f"https://localhost:8443/crl/{device_ca.id}.crl")]
    chain = [await issuers.certificate_of("device-ca")]
    assert verify(tmp_path, certificate, chain, await issuers.root(), "-purpose", "sslclient") == ""


async def test_serial_number_and_intent_are_stored_before_anything_is_signed(
    desk: Desk, session: EnrollmentSession
) -> None:
    async with database.transaction():
        row = await issuers.reserve("mdm-identity", common_name="Ben's Mac", session=session, now=await database.now())
    stored = await Certificate.get(id=row.id)
    assert (stored.state, stored.der, stored.sha256) == ("reserved", None, None)


async def test_a_reservation_goes_with_the_transaction_it_was_made_in(desk: Desk, session: EnrollmentSession) -> None:
    async def fail() -> None:
        async with database.transaction():
            await issuers.reserve("ota-identity", common_name="Ben's Mac", session=session, now=await database.now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not await Certificate.exists(purpose="ota-identity")


async def test_signing_again_after_a_crash_gives_the_same_bytes(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    row = await reserved(session)
    first = (await sign(desk, await Certificate.get(id=row.id), mac_key.public_key())).der
    # the process died after signing and before storing
    await Certificate.filter(id=row.id).update(state="reserved", der=None, sha256=None)
    assert (await sign(desk, await Certificate.get(id=row.id), mac_key.public_key())).der == first


async def test_many_who_sign_one_reservation_at_once_get_one_certificate(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    row = await reserved(session)
    copies = [await Certificate.get(id=row.id) for _ in range(5)]
    signed = await asyncio.gather(*(sign(desk, copy, mac_key.public_key()) for copy in copies))
    assert len({found.der for found in signed}) == 1


async def test_a_reservation_signed_for_one_key_is_not_given_to_another(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey
) -> None:
    row = await sign(desk, await reserved(session), mac_key.public_key())
    with pytest.raises(CertificateMismatch):
        await sign(desk, row, other_key.public_key())


async def test_a_reservation_revoked_meanwhile_is_not_signed(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    row = await reserved(session)
    await revoke(await Certificate.get(id=row.id), "cessationOfOperation", now=await database.now(), actor="ada")
    with pytest.raises(CertificateRevoked):
        await sign(desk, row, mac_key.public_key())
    assert (await Certificate.get(id=row.id)).der is None


async def test_an_identity_ends_with_its_issuer_at_the_latest(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    end = (await issuers.active_row("device-ca")).not_after
    row = await issue_identity(
        desk,
        public_key=mac_key.public_key(),
        purpose="mdm-identity",
        common_name="Ben's Mac",
        session=session,
        now=end - timedelta(days=30),
    )
    assert load_certificate(row.der or b"").not_valid_after_utc == row.not_after == end


@pytest.mark.parametrize(
    ("organization", "common_name", "cut"),
    [(",+" * 50, '"' * 200, [",+" * 32, '"' * 64]), ("Ä" * 100, "Бен" * 40, ["Ä" * 32, ("Бен" * 40)[:32]])],
)
async def test_a_long_name_is_cut_to_what_a_subject_takes(
    desk: Desk,
    session: EnrollmentSession,
    mac_key: rsa.RSAPrivateKey,
    organization: str,
    common_name: str,
    cut: list[str],
) -> None:
    await properties.write("organization.name", organization)
    row = await issue_identity(
        desk,
        public_key=mac_key.public_key(),
        purpose="mdm-identity",
        common_name=common_name,
        session=session,
        now=await database.now(),
    )
    values = [attribute.value for attribute in load_certificate(row.der or b"").subject]
    assert values == cut


async def test_another_process_with_its_own_vault_opens_the_same_keys(desk: Desk) -> None:
    other = Desk(desk.settings, await open_vault(desk.settings), desk.bell)
    assert (await issuers.keyed(other, "ra")).certificate == (await issuers.keyed(desk, "ra")).certificate
