from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.errors import MessageUnreadable, SignerUntrusted
from otae.signing import cms
from otae.signing.apple_device_ca import APPLE_DEVICE_CA_KEY, check_apple_device
from otae.signing.certificates import Keyed, load_certificate, names
from otae.signing.certificates import der as as_der
from tests.signing import forge, openssl
from tests.signing.conftest import END, START, Tree
from tests.signing.forge import PLIST


def leaf(issuer: Keyed, key: rsa.RSAPrivateKey, *, authority: bool = False) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a device")]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(END)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(issuer.key, hashes.SHA256())


def test_the_pinned_key_has_1024_bits() -> None:
    assert APPLE_DEVICE_CA_KEY.key_size == 1024
    assert APPLE_DEVICE_CA_KEY.public_numbers().e == 65537


def test_a_lab_makes_devices_only_where_it_is_named(tree: Tree, mac_key: rsa.RSAPrivateKey) -> None:
    device = leaf(tree.root, mac_key)
    check_apple_device(device, [tree.device_ca.certificate, tree.root.certificate])
    for extra in ([], [tree.device_ca.certificate]):
        with pytest.raises(SignerUntrusted):
            check_apple_device(device, extra)


def test_the_name_of_a_lab_is_not_enough(tree: Tree, mac_key: rsa.RSAPrivateKey) -> None:
    device = leaf(Keyed(tree.root.certificate, tree.device_ca.key), mac_key)
    with pytest.raises(SignerUntrusted):
        check_apple_device(device, [tree.root.certificate])


def test_the_key_of_a_lab_under_another_name_is_not_enough(tree: Tree, mac_key: rsa.RSAPrivateKey) -> None:
    device = leaf(Keyed(tree.device_ca.certificate, tree.root.key), mac_key)
    with pytest.raises(SignerUntrusted):
        check_apple_device(device, [tree.root.certificate])


def test_an_authority_never_speaks_as_a_device(tree: Tree, mac_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(SignerUntrusted):
        check_apple_device(leaf(tree.root, mac_key, authority=True), [tree.root.certificate])
    with pytest.raises(SignerUntrusted):
        check_apple_device(tree.device_ca.certificate, [tree.root.certificate])


def test_apples_name_without_apples_key_is_refused(tree: Tree, mac_key: rsa.RSAPrivateKey) -> None:
    name = x509.Name.from_rfc4514_string("CN=Apple iPhone Device CA,OU=Apple iPhone,O=Apple Inc.,C=US")
    impostor = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(mac_key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(END)
        .sign(mac_key, hashes.SHA256())
    )
    with pytest.raises(SignerUntrusted):
        check_apple_device(leaf(Keyed(impostor, mac_key), mac_key))


def test_broken_extensions_are_a_refusal(tree: Tree, mac_key: rsa.RSAPrivateKey) -> None:
    good = as_der(leaf(tree.root, mac_key, authority=True))
    broken = load_certificate(
        good.replace(
            b"\x55\x1d\x13\x01\x01\xff\x04\x05\x30\x03\x01\x01\xff",
            b"\x55\x1d\x13\x01\x01\xff\x04\x05\x31\x03\x01\x01\xff",
        )
    )
    with pytest.raises(MessageUnreadable):
        check_apple_device(broken, [tree.root.certificate])


def test_names_are_read_as_they_stand(tree: Tree) -> None:
    issuer, subject = names(tree.device_ca.certificate)
    assert issuer == tree.root.certificate.subject.public_bytes()
    assert subject == tree.device_ca.certificate.subject.public_bytes()


def test_a_message_of_the_shape_macs_send_verifies_and_names_its_maker(tree: Tree, tmp_path: Path) -> None:
    """BER, SHA-1 under a key of 1024 bits, no signed attributes, the whole chain along."""
    key = rsa.generate_private_key(65537, 1024)
    device = Keyed(leaf(tree.root, key), key)
    content = PLIST.replace(b"<dict/>", b"<dict><key>CHALLENGE</key><string>one-time</string></dict>")
    info = forge.signer_info(device, content, None, name="sha1")
    data = forge.indefinite(forge.message(content, [info], [device.certificate, tree.root.certificate], name="sha1"))
    read = cms.verify(data, policy=cms.Policy(allow_sha1=True, attributes="optional"))
    assert read.content == content
    check_apple_device(read.signer, [tree.root.certificate])
    with pytest.raises(SignerUntrusted):
        check_apple_device(read.signer)
    assert openssl.accepts(data, tmp_path) == content


def test_without_its_intermediates_a_device_is_still_known(tree: Tree, mac_key: rsa.RSAPrivateKey) -> None:
    device = Keyed(leaf(tree.root, mac_key), mac_key)
    read = cms.verify(forge.signed(device, bare=True), policy=cms.Policy(attributes="optional"))
    assert read.certificates == (device.certificate,)
    check_apple_device(read.signer, [tree.root.certificate])
