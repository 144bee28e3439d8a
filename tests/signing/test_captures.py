"""Recorded messages of real Macs."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from otae.errors import KeyRefused, MessageUnreadable, Refusal, SignatureInvalid, SignerUntrusted
from otae.signing import cms, csr, envelopes, scep, scep_client
from otae.signing.apple_device_ca import check_apple_device
from otae.signing.bundles import read_bundle
from otae.signing.certificates import Keyed, dump_key, load_key
from tests.reference import reference
from tests.signing import openssl

MAC = cms.Policy(allow_sha1=True, attributes="optional")


def decoded(path: str) -> bytes:
    return base64.b64decode(reference(path).read_text())


def test_a_recorded_check_in_verifies_over_its_body_alone(tmp_path: Path) -> None:
    header, body = decoded("captures/mdm-signature/2.header.b64"), decoded("captures/mdm-signature/2.body.b64")
    read = cms.verify(header, detached=body, policy=MAC)
    assert (read.digest, read.attributes) == ("sha1", None)
    assert read.signer.subject.rdns == []
    assert openssl.accepts(header, tmp_path, body) == body
    with pytest.raises(SignatureInvalid):
        cms.verify(header, detached=body.replace(b"Idle", b"idle"), policy=MAC)


def test_the_other_recorded_signature_is_read_and_is_not_over_that_body() -> None:
    header, body = decoded("captures/mdm-signature/1.header.b64"), decoded("captures/mdm-signature/2.body.b64")
    with pytest.raises(SignatureInvalid):
        cms.verify(header, detached=body, policy=MAC)


@pytest.fixture(scope="module")
def authority_2016(tmp_path_factory: pytest.TempPathFactory) -> Keyed:
    """The published test CA of the capture; its key has an empty pass phrase, which openssl alone takes."""
    key = tmp_path_factory.mktemp("ca") / "key.der"
    told = ("-in", reference("captures/scep/macos-2016-ca.key"), "-passin", "pass:", "-outform", "DER", "-out", key)
    openssl.run("pkey", *told)
    loaded = serialization.load_der_private_key(key.read_bytes(), None)
    pkcs8 = loaded.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = read_bundle(reference("captures/scep/macos-2016-ca.crt").read_bytes()).certificates[0]
    key_again = load_key(pkcs8)
    assert dump_key(key_again) == pkcs8
    return Keyed(certificate, key_again)


def test_the_request_of_2016_opens(authority_2016: Keyed) -> None:
    opened = scep.open_message(reference("captures/scep/macos-2016-pkcsreq.der").read_bytes())
    assert opened.message_type == scep.MessageType.PKCS_REQ
    assert opened.transaction_id == "A13090761A30F66664F85D37433D2065E1112BA1"
    assert len(opened.sender_nonce) == 8
    assert "MDM SCEP SIGNER" in opened.signer.subject.rfc4514_string()
    decrypted = envelopes.decrypt(opened.envelope, authority_2016, allow_des3=True)
    assert decrypted.cipher == "des-ede3-cbc"
    with pytest.raises(KeyRefused, match="1024 bits"):
        csr.parse(decrypted.content)
    with pytest.raises(KeyRefused):
        scep.unwrap(opened, authority_2016, allow_sha1=True, allow_des3=True)


def test_the_request_of_2016_is_of_version_2_and_signed(authority_2016: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = scep.open_message(reference("captures/scep/macos-2016-pkcsreq.der").read_bytes())
    inner = envelopes.decrypt(opened.envelope, authority_2016, allow_des3=True).content
    monkeypatch.setattr(csr, "KEY_BITS", 1024)
    read = csr.parse(inner)
    assert (read.version, read.challenge) == (2, None)
    assert read.subject.startswith("C")
    assert scep_client.transaction_id_of(inner) == opened.transaction_id
    flipped = inner[:-1] + bytes((inner[-1] ^ 1,))
    with pytest.raises(SignatureInvalid):
        csr.parse(flipped)


def test_the_reply_of_2016_is_read(authority_2016: Keyed) -> None:
    reply = reference("captures/scep/macos-2016-certrep.der").read_bytes()
    read = cms.verify(reply, policy=cms.Policy(allow_sha1=True))
    assert read.signer == authority_2016.certificate


def test_the_request_of_2017_verifies_and_hides_its_challenge() -> None:
    opened = scep.open_message(reference("captures/scep/macos-2017-pkioperation.der").read_bytes())
    assert (opened.digest, opened.message_type, len(opened.sender_nonce)) == ("sha512", 19, 8)
    message = cms.verify(
        reference("captures/scep/macos-2017-pkioperation.der").read_bytes(), policy=cms.Policy(allow_sha1=True)
    )
    assert message.attributes is not None
    clear = cms.single(message.attributes, "1.2.840.113549.1.9.7", 0x13).decode()
    assert clear not in repr(message)
    assert clear not in repr(opened)


@pytest.mark.parametrize(
    "path",
    ["scep/macos-2016-pkcsreq.der", "scep/macos-2016-certrep.der", "scep/macos-2017-pkioperation.der"],
)
def test_a_recorded_message_with_one_bit_changed_says_nothing_else(path: str) -> None:
    good = reference(f"captures/{path}").read_bytes()
    expected = cms.verify(good, policy=cms.Policy(allow_sha1=True))
    for position in range(0, len(good), 37):
        changed = bytearray(good)
        changed[position] ^= 1
        try:
            read = cms.verify(bytes(changed), policy=cms.Policy(allow_sha1=True))
        except Refusal:
            continue
        assert (read.content, read.attributes) == (expected.content, expected.attributes)


@pytest.mark.parametrize("leaf", ["appleca_signed.pem", "appleca_signed_newer.pem"])
def test_apples_device_leafs_are_apples(leaf: str) -> None:
    check_apple_device(read_bundle(reference(f"captures/apple-device-leafs/{leaf}").read_bytes()).certificates[0])


def test_somebody_elses_certificate_is_not_apples() -> None:
    certificate = read_bundle(reference("captures/push-certificates/mock_push_cert.pem").read_bytes()).certificates[0]
    with pytest.raises(SignerUntrusted):
        check_apple_device(certificate)


def test_a_recorded_message_cut_off_anywhere_is_refused() -> None:
    good = reference("captures/scep/macos-2017-pkioperation.der").read_bytes()
    for end in range(0, len(good), 101):
        with pytest.raises(MessageUnreadable):
            scep.open_message(good[:end])
