"""SCEP look-ups: what is there already goes to whom it belongs, and nothing is ever issued for asking."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority import issuers, revocation, rotation
from otae.enrollment import issuance
from otae.signing import csr, der, issuing, scep_client
from otae.signing.certificates import Keyed, fingerprint
from otae.signing.scep import FailInfo, MessageType
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.scep_talk import Asked, ask, configured, failed, issued

pytestmark = pytest.mark.anyio

GET_CERT, GET_CRL, POLL = MessageType.GET_CERT, MessageType.GET_CRL, MessageType.GET_CERT_INITIAL


def named(certificate: x509.Certificate) -> bytes:
    """Give the IssuerAndSerialNumber of a certificate."""
    return der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number))


def signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return crl.is_signature_valid(key)


async def wish(desk: Desk, content: bytes, by: Keyed, kind: MessageType, transaction: str = "T") -> Asked:
    bag = list(scep_client.read_certificates(await issuance.ca_certificates(desk)))
    return (
        scep_client.build_request(content, by, bag, transaction_id=transaction, message_type=kind),
        by,
        bag,
    )


async def identity_of(desk: Desk, mac: LabMac, who: str = "ben") -> Keyed:
    _, challenge = await configured(desk, who)
    return await mac.identity(desk, challenge, await database.now())


async def test_a_poll_by_the_same_signer_gets_the_certificate_and_by_another_not(desk: Desk) -> None:
    _, challenge = await configured(desk)
    request, signer, bag = await LabMac().request(desk, challenge)
    first = await ask(desk, (request, signer, bag))
    ca = (await issuers.certificate_of("device-ca")).subject.public_bytes()
    names = der.sequence(ca, x509.Name([]).public_bytes())
    assert await ask(desk, await wish(desk, names, signer, POLL, request.transaction_id)) == first
    stranger = lab.device_certificate("a Mac")
    polls = [(stranger, request.transaction_id), (signer, "another")]
    for by, transaction in polls:
        poll = await wish(desk, names, by, POLL, transaction)
        await failed(desk, poll, "certificate-unknown", FailInfo.BAD_CERT_ID)
    await Certificate.filter(purpose="mdm-identity").update(state="revoked")
    poll = await wish(desk, names, signer, POLL, request.transaction_id)
    await failed(desk, poll, "certificate-unknown", FailInfo.BAD_CERT_ID)


async def test_a_poll_before_the_request_gets_nothing_and_is_never_pending(desk: Desk) -> None:
    _, challenge = await configured(desk)
    request, signer, _ = await LabMac().request(desk, challenge)
    ca = (await issuers.certificate_of("device-ca")).subject.public_bytes()
    poll = await wish(desk, der.sequence(ca, ca), signer, POLL, request.transaction_id)
    await failed(desk, poll, "certificate-unknown", FailInfo.BAD_CERT_ID)


async def test_the_holder_of_the_key_gets_its_certificate_also_a_revoked_one(desk: Desk) -> None:
    identity = await identity_of(desk, LabMac())
    before = await issued()
    themselves = issuing.build_scep_signer(identity.key, **lab.TERM)
    for by in (identity, themselves):
        reply = await ask(desk, await wish(desk, named(identity.certificate), by, GET_CERT))
        assert reply.certificate == identity.certificate
    row = await Certificate.get(sha256=fingerprint(identity.certificate))
    await revocation.revoke(row, "superseded", now=await database.now(), actor="ada")
    reply = await ask(desk, await wish(desk, named(identity.certificate), themselves, GET_CERT))
    assert reply.certificate == identity.certificate
    assert await issued() == before


async def test_a_stranger_or_another_mac_gets_no_certificate_of_a_mac(desk: Desk) -> None:
    bens, cleos = LabMac(), LabMac(udid="AAAABBBB-1111", serial="C02CLEO")
    of_ben, of_cleo = await identity_of(desk, bens), await identity_of(desk, cleos, "cleo")
    for by in (lab.device_certificate("a Mac"), of_cleo):
        asked = await wish(desk, named(of_ben.certificate), by, GET_CERT)
        await failed(desk, asked, "certificate-unknown", FailInfo.BAD_CERT_ID)


async def test_a_certificate_that_is_none_of_a_macs_is_unknown(desk: Desk) -> None:
    identity = await identity_of(desk, LabMac())
    ca = (await issuers.certificate_of("device-ca")).subject.public_bytes()
    ra = await issuers.keyed(desk, "ra")
    asked = [
        der.sequence(ca, der.integer(7)),
        der.sequence(x509.Name([]).public_bytes(), der.integer(identity.certificate.serial_number)),
        named(ra.certificate),
    ]
    for content in asked:
        message = await wish(desk, content, identity, GET_CERT)
        await failed(desk, message, "certificate-unknown", FailInfo.BAD_CERT_ID)


async def test_a_reserved_certificate_is_not_handed_out(desk: Desk) -> None:
    identity = await identity_of(desk, LabMac())
    await Certificate.filter(purpose="mdm-identity").update(state="reserved", der=None)
    asked = await wish(desk, named(identity.certificate), identity, GET_CERT)
    await failed(desk, asked, "certificate-unknown", FailInfo.BAD_CERT_ID)


async def test_anybody_gets_the_crl_of_the_authority_named(desk: Desk) -> None:
    identity = await identity_of(desk, LabMac())
    row = await Certificate.get(sha256=fingerprint(identity.certificate))
    await revocation.revoke(row, "keyCompromise", now=await database.now(), actor="ada")
    asked = await wish(desk, named(identity.certificate), lab.device_certificate("a Mac"), GET_CRL)
    reply = await ask(desk, asked)
    assert reply.certificate is None
    assert reply.crl is not None
    assert reply.crl.issuer == identity.certificate.issuer
    assert signed_by(reply.crl, await issuers.certificate_of("device-ca"))
    assert reply.crl.get_revoked_certificate_by_serial_number(identity.certificate.serial_number) is not None
    assert await issued() == 1


async def test_after_a_rotation_the_crl_is_of_the_authority_that_issued(desk: Desk) -> None:
    identity = await identity_of(desk, LabMac())
    former = await issuers.certificate_of("device-ca")
    await rotation.rotate_device_ca(desk, now=await database.now(), actor="ada")
    reply = await ask(desk, await wish(desk, named(identity.certificate), lab.device_certificate("a Mac"), GET_CRL))
    assert reply.crl is not None
    assert signed_by(reply.crl, former)


async def test_a_crl_of_an_unknown_authority_is_bad_cert_id(desk: Desk) -> None:
    asked = await wish(desk, der.sequence(x509.Name([]).public_bytes(), der.integer(7)), lab.maker(), GET_CRL)
    await failed(desk, asked, "authority-unknown", FailInfo.BAD_CERT_ID)


async def test_after_a_rotation_who_still_has_the_former_bag_gets_a_certificate(desk: Desk) -> None:
    _, challenge = await configured(desk)
    request, signer, former_bag = await LabMac().request(desk, challenge)
    await rotation.rotate_device_ca(desk, now=await database.now(), actor="ada")
    reply = await ask(desk, (request, signer, former_bag))
    assert reply.certificate is not None
    assert reply.certificate.issuer == (await issuers.certificate_of("device-ca")).subject
    new_bag = list(scep_client.read_certificates(await issuance.ca_certificates(desk)))
    assert not set(new_bag[:2]) <= set(former_bag)
    again = scep_client.build_request(csr.build(lab.key("another"), "x", "0" * 40), signer, new_bag)
    await failed(desk, (again, signer, new_bag), "challenge-unknown")
