import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from otae.errors import MessageUnreadable, Refusal, SignerUntrusted
from otae.signing import certificates, der
from otae.signing.bundles import read_bundle
from otae.signing.certificates import Keyed
from tests.signing.conftest import Tree
from tests.signing.forge import Signer


def test_a_kept_certificate_comes_back_with_its_key(tree: Tree) -> None:
    loaded = Keyed.load(certificates.der(tree.ra.certificate), certificates.dump_key(tree.ra.key))
    assert loaded.certificate == tree.ra.certificate
    assert loaded.key.private_numbers() == tree.ra.key.private_numbers()


def test_the_key_of_another_certificate_is_refused(tree: Tree) -> None:
    with pytest.raises(MessageUnreadable, match="another certificate"):
        Keyed.load(certificates.der(tree.ra.certificate), certificates.dump_key(tree.root.key))


def test_a_repr_never_shows_the_key(tree: Tree) -> None:
    assert "key" not in repr(tree.ra)


def test_keys_of_another_kind_are_refused(p256: Signer) -> None:
    encoded = p256.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(MessageUnreadable, match="RSA"):
        certificates.load_key(encoded)


def test_a_key_behind_a_pass_phrase_is_refused(tree: Tree) -> None:
    encoded = tree.ra.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    with pytest.raises(MessageUnreadable):
        certificates.load_key(encoded)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused_by_name(noise: bytes) -> None:
    for load in (certificates.load_certificate, certificates.load_key, read_bundle):
        with pytest.raises(MessageUnreadable):
            load(noise)


def test_pem_comes_back_in_its_order(tree: Tree) -> None:
    text = certificates.pem(tree.ra.certificate, tree.device_ca.certificate)
    assert read_bundle(text).certificates == (tree.ra.certificate, tree.device_ca.certificate)


def test_a_fingerprint_is_sha256_in_lower_case_hex(tree: Tree) -> None:
    found = certificates.fingerprint(tree.ra.certificate)
    assert len(found) == 64
    assert found == found.lower()
    assert found != certificates.fingerprint(tree.root.certificate)


def test_serial_numbers_are_positive_and_do_not_repeat() -> None:
    drawn = {certificates.new_serial() for _ in range(200)}
    assert len(drawn) == 200
    assert all(0 < serial < 1 << 128 for serial in drawn)


def test_only_the_issuer_issued(tree: Tree) -> None:
    certificates.check_issued_by(tree.ra.certificate, tree.device_ca.certificate)
    certificates.check_issued_by(tree.root.certificate, tree.root.certificate)
    for leaf, issuer in ((tree.ra, tree.root), (tree.tls_leaf, tree.device_ca), (tree.device_ca, tree.ra)):
        with pytest.raises(SignerUntrusted):
            certificates.check_issued_by(leaf.certificate, issuer.certificate)


def test_what_a_leaf_signed_for_itself_was_issued_by_nobody(tree: Tree) -> None:
    with pytest.raises(SignerUntrusted, match="no certificate authority"):
        certificates.check_issued_by(tree.mac_signer.certificate, tree.mac_signer.certificate)


@pytest.mark.parametrize("parts", [("", "O"), ("x" * 65, "O"), ("CN", ""), ("CN", "x" * 65), ("CN", "O", "")])
def test_a_name_that_no_certificate_can_carry_is_an_error(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        certificates.name(*parts)


def test_issuer_and_serial_name_a_certificate(tree: Tree) -> None:
    issuer, serial = der.Fields.of(certificates.issuer_and_serial(certificates.der(tree.ra.certificate))).rest()
    assert issuer.raw == tree.device_ca.certificate.subject.public_bytes()
    assert int.from_bytes(serial.content) == tree.ra.certificate.serial_number


def test_a_hostile_name_is_shown_as_nothing(tree: Tree) -> None:
    odd = der.sequence(der.set_of([der.sequence(der.oid("2.5.4.3"), der.encode(der.BIT_STRING, b"\0x"))]))
    for name in (b"", b"noise", odd):
        assert certificates.subject_text(name) == ""
    assert certificates.subject_text(tree.root.certificate.subject.public_bytes()) == "CN=Example Root CA,O=Example"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_changed_certificate_is_refused_by_name(tree: Tree, data: st.DataObject) -> None:
    good = certificates.der(tree.ra.certificate)
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Refusal):
        certificates.check_issued_by(certificates.load_certificate(bytes(changed)), tree.device_ca.certificate)


def test_an_extension_that_is_absent_is_none(tree: Tree) -> None:
    assert certificates.extension(tree.ra.certificate, x509.NameConstraints) is None
    assert certificates.is_authority(tree.root.certificate)
    assert not certificates.is_authority(tree.mac_signer.certificate)
