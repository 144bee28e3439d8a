"""SCEP: one challenge, one certificate, of our making."""

import asyncio
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID

from otae.authority import issuers
from otae.enrollment import issuance, sessions
from otae.errors import MessageUnreadable, Refusal, SignatureInvalid, TooLarge
from otae.signing import csr, issuing, scep_client
from otae.signing.algorithms import Digest
from otae.signing.certificates import check_issued_by, fingerprint
from otae.signing.envelopes import CipherName
from otae.signing.scep import FailInfo
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge, EnrollmentSession, Event, Invitation
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.scep_talk import ask, configured, failed, issued
from tests.reference import reference

pytestmark = pytest.mark.anyio


async def test_capabilities_are_plain_lines(desk: Desk) -> None:
    lines = issuance.capabilities().decode().split("\n")
    assert {"AES", "DES3", "SHA-256", "SHA-384", "SHA-512", "POSTPKIOperation", "SCEPStandard", "Renewal"} <= set(lines)


async def test_the_bag_holds_the_whole_chain_of_the_ra(desk: Desk) -> None:
    bag = set(scep_client.read_certificates(await issuance.ca_certificates(desk)))
    assert bag == {await issuers.certificate_of(purpose) for purpose in ("ra", "device-ca", "root")}


async def test_scep_7_the_certificate_is_what_the_session_says(desk: Desk) -> None:
    session, challenge = await configured(desk)
    identity = await LabMac().identity(desk, challenge, await database.now())
    certificate = identity.certificate
    assert certificate.subject.rfc4514_string() == f"CN=otae {session.id},O=otae"
    check_issued_by(certificate, await issuers.certificate_of("device-ca"))
    assert certificate.public_key() == identity.key.public_key()
    row = await Certificate.get(sha256=fingerprint(certificate))
    assert (row.purpose, row.state, row.session_id) == ("mdm-identity", "issued", session.id)
    used = await Challenge.get(certificate_id=row.id)
    assert used.used_at is not None
    assert (await EnrollmentSession.get(id=session.id)).status == "certified"
    assert (await lab.events(session))[-2:] == ["certificate.issued", "session.certified"]


async def test_scep_4_twenty_requests_at_once_get_one_certificate(desk: Desk) -> None:
    _, challenge = await configured(desk)
    signer = issuing.build_scep_signer(lab.key("temporary"), **lab.TERM)
    bag = list(scep_client.read_certificates(await issuance.ca_certificates(desk)))
    wish = csr.build(lab.key("identity"), "x", challenge)
    requests = [scep_client.build_request(wish, signer, bag, transaction_id=f"T{n}") for n in range(20)]
    replies = await asyncio.gather(*(ask(desk, (request, signer, bag)) for request in requests))
    assert [reply.status for reply in replies].count("success") == 1
    assert await issued() == 1


async def test_scep_4_the_same_request_at_once_and_again_gets_the_same_certificate(desk: Desk) -> None:
    session, challenge = await configured(desk)
    mac, now = LabMac(), await database.now()
    first = await ask(desk, await mac.request(desk, challenge))
    asked = await mac.request(desk, challenge)
    assert {await ask(desk, asked), await ask(desk, asked, now + timedelta(minutes=9))} == {first}
    assert await issued() == 1
    assert (await lab.events(session)).count("certificate.issued") == 1
    late = await ask(desk, asked, now + timedelta(minutes=11))
    assert late.status == "failure"


async def test_a_request_that_was_reserved_and_never_signed_is_signed_when_it_comes_again(desk: Desk) -> None:
    session, challenge = await configured(desk)
    mac = LabMac()
    await ask(desk, await mac.request(desk, challenge))
    await Certificate.filter(purpose="mdm-identity").update(state="reserved", der=None, sha256=None)
    await EnrollmentSession.filter(id=session.id).update(status="configured")
    reply = await ask(desk, await mac.request(desk, challenge))
    assert reply.status == "success"
    assert await issued() == 1
    assert (await EnrollmentSession.get(id=session.id)).status == "certified"


async def test_scep_4_a_used_challenge_with_another_key_or_transaction_is_refused(desk: Desk) -> None:
    _, challenge = await configured(desk)
    mac = LabMac()
    request, signer, bag = await mac.request(desk, challenge)
    await ask(desk, (request, signer, bag))
    await failed(desk, await mac.request(desk, challenge, of="another identity"), "challenge-used")
    wish = csr.build(lab.key(f"identity of {mac.serial}"), "x", challenge)
    other = scep_client.build_request(wish, signer, bag, transaction_id="another")
    await failed(desk, (other, signer, bag), "challenge-used")


async def test_scep_4_the_same_transaction_with_another_key_is_no_retransmission(desk: Desk) -> None:
    _, challenge = await configured(desk)
    first, signer, bag = await LabMac().request(desk, challenge)
    got = (await ask(desk, (first, signer, bag))).certificate
    assert got is not None
    wish = csr.build(lab.key("somebody else's identity"), "x", challenge)
    other = scep_client.build_request(wish, signer, bag, transaction_id=first.transaction_id)
    await failed(desk, (other, signer, bag), "challenge-used")
    assert (await Certificate.get(purpose="mdm-identity")).sha256 == fingerprint(got)


@pytest.mark.parametrize("challenge", [None, "0" * 40, "wrong"])
async def test_scep_5_without_a_challenge_of_ours_the_reply_says_bad_request(desk: Desk, challenge: str | None) -> None:
    session, _ = await configured(desk)
    await failed(desk, await LabMac().request(desk, challenge), "challenge-unknown")
    assert (await EnrollmentSession.get(id=session.id)).status == "configured"


async def test_an_ota_challenge_issues_nothing(desk: Desk) -> None:
    session = await lab.signed_in(desk, await database.now())
    secret = await sessions.mint_challenge(session, "ota", now=session.opened_at, expires_at=session.expires_at)
    await failed(desk, await LabMac().request(desk, secret), "challenge-unknown")


async def test_a_foreign_challenge_gives_its_own_sessions_name_and_nothing_else(desk: Desk) -> None:
    session, challenge = await configured(desk)
    cleos = LabMac(udid="AAAABBBB-1111", serial="C02CLEO")
    identity = await cleos.identity(desk, challenge, await database.now())
    assert str(session.id) in identity.certificate.subject.rfc4514_string()


async def test_a_challenge_past_its_end_issues_nothing(desk: Desk) -> None:
    session, challenge = await configured(desk)
    await Challenge.all().update(expires_at=session.opened_at)
    await failed(desk, await LabMac().request(desk, challenge), "challenge-expired")


async def test_a_withdrawn_invitation_issues_nothing_and_keeps_the_challenge(desk: Desk) -> None:
    session, challenge = await configured(desk)
    await Invitation.filter(id=session.invitation_id).update(status="revoked")
    await failed(desk, await LabMac().request(desk, challenge), "invitation-revoked")
    assert (await Challenge.get()).used_at is None
    assert not await Certificate.filter(session_id=session.id).exists()


async def test_scep_9_weak_and_elliptic_keys_are_refused(desk: Desk) -> None:
    _, challenge = await configured(desk)
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    _, signer, bag = await LabMac().request(desk, challenge)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
    elliptic = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    for wish in (csr.build(weak, "x", challenge), elliptic.public_bytes(Encoding.DER)):
        request = scep_client.build_request(wish, signer, bag, transaction_id="T")
        await failed(desk, (request, signer, bag), "key-refused")
    assert (await Challenge.get()).used_at is None


async def test_a_hostile_request_gets_no_more_than_any_other(desk: Desk) -> None:
    _, challenge = await configured(desk)
    mac_key = lab.key("identity")
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name.from_rfc4514_string("CN=root,O=Apple"))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
    wish = builder.sign(mac_key, hashes.SHA256()).public_bytes(Encoding.DER)
    _, signer, bag = await LabMac().request(desk, None)
    request = scep_client.build_request(wish, signer, bag)
    certificate = (await ask(desk, (request, signer, bag))).certificate
    assert certificate is not None
    assert "Apple" not in certificate.subject.rfc4514_string()
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize(
    ("digest", "cipher", "setting", "name"),
    [
        ("sha1", "aes-128-cbc", "mac.sha1", "false"),
        ("sha256", "des-ede3-cbc", "scep.des3", "false"),
        ("sha256", "des-cbc", "scep.des3", "true"),
    ],
)
async def test_scep_3_algorithms_that_are_off_are_bad_alg(
    desk: Desk, digest: Digest, cipher: CipherName, setting: str, name: str
) -> None:
    _, challenge = await configured(desk)
    await properties.write(setting, name)
    _, signer, bag = await LabMac().request(desk, None)
    wish = csr.build(lab.key("identity"), "x", challenge)
    request = scep_client.build_request(wish, signer, bag, digest=digest, cipher=cipher)
    await failed(desk, (request, signer, bag), "algorithm-refused", FailInfo.BAD_ALG)


@pytest.mark.parametrize("cipher", ["aes-192-cbc", "aes-256-cbc", "des-ede3-cbc"])
async def test_scep_3_the_other_ciphers_get_their_certificate(desk: Desk, cipher: CipherName) -> None:
    _, challenge = await configured(desk)
    _, signer, bag = await LabMac().request(desk, None)
    wish = csr.build(lab.key("identity"), "x", challenge, string="utf8")
    request = scep_client.build_request(wish, signer, bag, digest="sha1", cipher=cipher)
    assert (await ask(desk, (request, signer, bag))).status == "success"


async def test_what_nobody_signed_cannot_be_answered(desk: Desk) -> None:
    now = await database.now()
    request, _, _ = await LabMac().request(desk, "0" * 40)
    cases: list[tuple[bytes, type[Refusal]]] = [
        (b"", MessageUnreadable),
        (b"GET / HTTP/1.1", Refusal),
        (b"\x30" * (64 * 1024 + 1), TooLarge),
        (request.data[:-1] + bytes([request.data[-1] ^ 1]), SignatureInvalid),
    ]
    for message, refusal in cases:
        with pytest.raises(refusal) as caught:
            await issuance.answer(desk, message, now=now)
        assert caught.value.support_code
    assert await Event.filter(kind="refused").count() == 0, "they concern no session"


async def test_scep_1_a_captured_request_of_a_real_mac_is_read_up_to_its_envelope(desk: Desk) -> None:
    for capture in ("macos-2016-pkcsreq.der", "macos-2017-pkioperation.der"):
        message = reference(f"captures/scep/{capture}").read_bytes()
        assert await issuance.answer(desk, message, now=await database.now())
    assert await issued() == 0
