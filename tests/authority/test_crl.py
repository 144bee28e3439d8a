"""The revocation lists, as others read them."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from otae.authority import issuers
from otae.authority.crl import crl
from otae.authority.revocation import revoke
from otae.errors import AuthorityUnknown, NotReady
from otae.signing.certificates import load_certificate
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, EnrollmentSession
from tests.authority.identities import issue_identity
from tests.authority.openssl import verify

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


async def served(desk: Desk, purpose: issuers.Purpose = "device-ca") -> x509.CertificateRevocationList:
    row = await issuers.active_row(purpose)
    return x509.load_der_x509_crl(await crl(desk, str(row.id), now=await database.now()))


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


async def test_an_empty_list_is_signed_by_its_authority_for_seven_days(desk: Desk) -> None:
    for purpose in ("root", "device-ca", "service-ca"):
        found, issuer = await served(desk, purpose), await issuers.certificate_of(purpose)
        key = issuer.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert found.is_signature_valid(key)
        assert found.issuer == issuer.subject
        assert found.next_update_utc is not None
        assert found.next_update_utc - found.last_update_utc == timedelta(days=7)
        assert list(found) == []


async def test_a_revoked_identity_is_listed_at_once_and_a_live_one_is_not(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    gone, alive = await issue(desk, session, mac_key), await issue(desk, session, mac_key)
    before = await served(desk)
    await revoke(gone, "keyCompromise", now=await database.now(), actor="ada")
    after = await served(desk)
    entry = after.get_revoked_certificate_by_serial_number(int(gone.serial_number, 16))
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert after.get_revoked_certificate_by_serial_number(int(alive.serial_number, 16)) is None
    assert number(after) > number(before)
    assert len(await served(desk, "service-ca")) == 0


async def test_openssl_refuses_the_revoked_one_by_our_list(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    gone, alive = await issue(desk, session, mac_key), await issue(desk, session, mac_key)
    await revoke(gone, "unspecified", now=await database.now(), actor="ada")
    (tmp_path / "list.pem").write_bytes((await served(desk)).public_bytes(Encoding.PEM))
    chain, root = [await issuers.certificate_of("device-ca")], await issuers.root()
    check = ["-crl_check", "-CRLfile", "list.pem"]
    assert verify(tmp_path, load_certificate(alive.der or b""), chain, root, *check) == ""
    assert "certificate revoked" in verify(tmp_path, load_certificate(gone.der or b""), chain, root, *check)
    done = subprocess.run(["openssl", "crl", "-noout", "-in", "list.pem"], cwd=tmp_path, check=False)
    assert done.returncode == 0


async def test_a_list_that_says_the_same_is_not_signed_again_for_an_hour(desk: Desk) -> None:
    row, now = await issuers.active_row("device-ca"), await database.now()
    first = await crl(desk, str(row.id), now=now)
    assert await crl(desk, str(row.id), now=now + timedelta(minutes=59)) == first
    assert await crl(desk, str(row.id), now=now + timedelta(minutes=60)) != first


async def test_a_certificate_leaves_the_list_a_week_after_its_end(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    gone, device_ca = await issue(desk, session, mac_key), await issuers.active_row("device-ca")
    await revoke(gone, "superseded", now=await database.now(), actor="ada")
    last = await crl(desk, str(device_ca.id), now=gone.not_after + timedelta(days=6))
    assert len(x509.load_der_x509_crl(last)) == 1
    after = await crl(desk, str(device_ca.id), now=gone.not_after + timedelta(days=7))
    assert len(x509.load_der_x509_crl(after)) == 0


@pytest.mark.parametrize("name", ["", "x", "../root", "00000000-0000-0000-0000-000000000000"])
async def test_an_unknown_authority_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(AuthorityUnknown):
        await crl(desk, name, now=await database.now())


async def test_a_leaf_has_no_list(desk: Desk) -> None:
    with pytest.raises(AuthorityUnknown):
        await crl(desk, str((await issuers.active_row("ra")).id), now=await database.now())


async def test_without_the_key_there_is_no_new_list(desk: Desk) -> None:
    row = await issuers.active_row("root")
    await Certificate.filter(id=row.id).update(key_sealed=None)
    with pytest.raises(NotReady):
        await crl(desk, str(row.id), now=await database.now())
