from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from otae.errors import Refusal, SignatureInvalid
from otae.signing import cms, issuing
from otae.signing.certificates import check_issued_by, name
from tests.signing import forge, openssl
from tests.signing.conftest import END, START, Tree
from tests.signing.forge import OTHER_PLIST, PLIST, Signer

MAC = cms.Policy(allow_sha1=True, attributes="optional")
STRICT = cms.Policy()


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("bare", [False, True], ids=["attributes", "bare"])
@pytest.mark.parametrize("detached", [False, True], ids=["attached", "detached"])
@pytest.mark.parametrize("ber", [False, True], ids=["der", "ber"])
def test_a_correct_message_verifies(
    tree: Tree, tmp_path: Path, digest: str, *, bare: bool, detached: bool, ber: bool
) -> None:
    data = forge.signed(tree.ra, name=digest, bare=bare, detached=detached)
    if ber:
        data = forge.indefinite(data)
    read = cms.verify(data, detached=PLIST if detached else None, policy=MAC)
    assert read.content == PLIST
    assert read.signer == tree.ra.certificate
    assert read.digest == digest
    assert (read.attributes is None) is bare
    assert openssl.accepts(data, tmp_path, PLIST if detached else None) == PLIST


@pytest.mark.parametrize("arguments", [(), ("-stream", "-indef"), ("-noattr",), ("-noattr", "-stream", "-indef")])
def test_what_openssl_signs_verifies(tree: Tree, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "content").write_bytes(PLIST)
    signer = tmp_path / "signer.pem"
    signer.write_bytes(openssl_identity(tree))
    told = ("-in", tmp_path / "content", "-signer", signer, "-outform", "DER", "-out", tmp_path / "message")
    openssl.run("cms", "-sign", "-binary", "-nodetach", *arguments, *told)
    read = cms.verify((tmp_path / "message").read_bytes(), policy=MAC)
    assert read.content == PLIST
    assert read.signer == tree.profile_signer.certificate


def openssl_identity(tree: Tree) -> bytes:
    key = tree.profile_signer.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return tree.profile_signer.certificate.public_bytes(serialization.Encoding.PEM) + key


def test_an_elliptic_signer_verifies(p256: Signer) -> None:
    data = forge.signed(p256, signature_algorithm="1.2.840.10045.4.3.2")
    assert cms.verify(data, policy=STRICT).signer == p256.certificate


def test_a_message_repeats_nothing_secret_in_its_repr(tree: Tree) -> None:
    shown = repr(cms.verify(forge.signed(tree.ra), policy=STRICT))
    assert "plist" not in shown
    assert "attributes" not in shown


def test_a_certificate_sent_twice_is_one_certificate(tree: Tree) -> None:
    info = forge.signer_info(tree.ra, PLIST, forge.standard(PLIST))
    data = forge.message(PLIST, [info], [tree.ra.certificate, tree.device_ca.certificate, tree.ra.certificate])
    assert len(cms.verify(data, policy=STRICT).certificates) == 2


def test_absent_content_is_empty_only_where_the_policy_says_so(tree: Tree) -> None:
    info = forge.signer_info(tree.ra, b"", forge.standard(b""))
    data = forge.message(None, [info], [tree.ra.certificate])
    assert cms.verify(data, policy=cms.Policy(absent_is_empty=True)).content == b""
    with pytest.raises(Refusal):
        cms.verify(data, policy=STRICT)


def test_a_forged_certificate_of_the_same_name_verifies_and_is_not_ours(tree: Tree) -> None:
    certificate = tree.ra.certificate
    forged = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .serial_number(certificate.serial_number)
        .public_key(tree.mac_signer.key.public_key())
        .not_valid_before(START)
        .not_valid_after(END)
        .sign(tree.mac_signer.key, hashes.SHA256())
    )
    read = cms.verify(forge.signed(Signer(forged, tree.mac_signer.key)), policy=STRICT)
    with pytest.raises(Refusal, match="somebody else"):
        check_issued_by(read.signer, tree.device_ca.certificate)


@pytest.mark.parametrize("content", [PLIST, b"line\nends\r\nstay\r", b"\0binary\xff" * 5000])
def test_a_signed_profile_is_byte_identical_der_and_carries_its_chain(
    tree: Tree, tmp_path: Path, content: bytes
) -> None:
    data = cms.sign(content, tree.profile_signer, [tree.device_ca.certificate])
    assert data[:1] == b"\x30"
    assert data[1] != 0x80
    assert openssl.trusts(data, tmp_path, [tree.root.certificate]) == content
    read = cms.verify(data, policy=STRICT)
    assert read.content == content
    assert set(read.certificates) == {tree.profile_signer.certificate, tree.device_ca.certificate}


def test_signed_attributes_of_our_own_replies_are_in_der_order(tree: Tree, tmp_path: Path) -> None:
    own = {"2.16.840.1.113733.1.9.2": b"\x13\x013", "2.16.840.1.113733.1.9.7": b"\x13\x04ABCD"}
    data = cms.signed_data(PLIST, tree.ra, [tree.ra.certificate], "sha512", own)
    assert openssl.accepts(data, tmp_path) == PLIST
    read = cms.verify(data, policy=STRICT)
    assert read.digest == "sha512"
    assert read.attributes is not None
    encoded = [forge.attribute(dotted, *found) for dotted, found in read.attributes.items()]
    assert encoded == sorted(encoded)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_changed_byte_never_changes_what_is_believed(tree: Tree, data: st.DataObject) -> None:
    bare = data.draw(st.booleans())
    good = _good(tree, bare=bare)
    position = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        read = cms.verify(bytes(changed), policy=MAC)
    except Refusal:
        return
    assert read.content == PLIST
    if read.signer != tree.ra.certificate:
        with pytest.raises(Refusal):
            check_issued_by(read.signer, tree.device_ca.certificate)


_MESSAGES: dict[bool, bytes] = {}


def _good(tree: Tree, *, bare: bool) -> bytes:
    if bare not in _MESSAGES:
        _MESSAGES[bare] = forge.indefinite(forge.signed(tree.ra, bare=bare))
    return _MESSAGES[bare]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_noise_is_refused_by_name(noise: bytes) -> None:
    with pytest.raises(Refusal):
        cms.verify(noise, policy=MAC)


def test_another_body_under_a_detached_signature_is_refused(tree: Tree) -> None:
    for bare in (False, True):
        with pytest.raises(SignatureInvalid):
            cms.verify(forge.signed(tree.ra, bare=bare, detached=True), detached=OTHER_PLIST, policy=MAC)


def test_seventeen_certificates_are_too_many(tree: Tree) -> None:
    crowd = [
        issuing.build_ra(
            tree.mac_signer.key, name(f"Crowd {n}", "Example"), tree.device_ca, not_before=START, not_after=END
        ).certificate
        for n in range(17)
    ]
    info = forge.signer_info(tree.ra, PLIST, forge.standard(PLIST))
    with pytest.raises(Refusal, match="certificates"):
        cms.verify(forge.message(PLIST, [info], crowd), policy=STRICT)
