from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from otae.errors import (
    AlgorithmRefused,
    EnvelopeUnreadable,
    KeyRefused,
    MessageTypeRefused,
    MessageUnreadable,
    Refusal,
    RequestUnreadable,
    SignatureMissing,
)
from otae.signing import der, scep, scep_client
from otae.signing.algorithms import Digest
from otae.signing.envelopes import CipherName, encrypt
from tests.signing import forge, openssl
from tests.signing.conftest import Tree
from tests.signing.forge import Signer
from tests.signing.pki import parse, pki_message, refused


@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-256-cbc", "des-ede3-cbc"])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("ber", [False, True], ids=["der", "ber"])
def test_a_mac_gets_its_certificate(
    tree: Tree, request_der: bytes, identity: x509.Certificate, cipher: CipherName, digest: Digest, *, ber: bool
) -> None:
    sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag, digest=digest, cipher=cipher)
    read = parse(forge.indefinite(sent.data) if ber else sent.data, tree)
    assert read.message_type is scep.MessageType.PKCS_REQ
    assert read.csr is not None
    assert read.csr.challenge == "one-time"
    assert (read.cipher, read.opened.digest, read.signer) == (cipher, digest, tree.mac_signer.certificate)
    assert read.transaction_id == sent.transaction_id
    reply = scep.cert_rep_success(read, identity, tree.ra)
    assert scep_client.read_reply(reply, sent, tree.mac_signer, tree.bag).certificate == identity


def test_the_request_and_its_repr_keep_the_challenge(tree: Tree, request_der: bytes) -> None:
    sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag)
    assert "one-time" not in repr(parse(sent.data, tree))
    assert len(sent.sender_nonce) == 8
    assert len(sent.transaction_id) == 40
    assert sent.transaction_id == sent.transaction_id.upper()


def test_openssl_reads_the_reply(tree: Tree, tmp_path: Path, request_der: bytes, identity: x509.Certificate) -> None:
    sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag)
    reply = scep.cert_rep_success(parse(sent.data, tree), identity, tree.ra)
    envelope = openssl.trusts(reply, tmp_path, [tree.root.certificate, tree.device_ca.certificate])
    bag = tmp_path / "bag"
    bag.write_bytes(openssl.decrypts(envelope, tmp_path, tree.mac_signer))
    shown = openssl.run("pkcs7", "-inform", "DER", "-in", bag, "-print_certs").stdout
    assert shown.count(b"BEGIN CERTIFICATE") == 1
    assert b"C02EXAMPLE" in shown


@pytest.mark.parametrize("fail_info", list(scep.FailInfo))
def test_a_failure_is_signed_and_has_no_content(
    tree: Tree, tmp_path: Path, request_der: bytes, fail_info: scep.FailInfo
) -> None:
    sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag)
    reply = scep.cert_rep_failure(scep.open_message(sent.data), fail_info, tree.ra)
    read = scep_client.read_reply(reply, sent, tree.mac_signer, tree.bag)
    assert (read.status, read.fail_info, read.certificate) == ("failure", fail_info, None)
    assert openssl.accepts(reply, tmp_path, b"") == b""


def test_a_reply_has_the_layout_clients_agree_on(tree: Tree, request_der: bytes, identity: x509.Certificate) -> None:
    sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag, digest="sha1")
    reply = scep.cert_rep_success(parse(sent.data, tree), identity, tree.ra)
    body = der.Fields.of(reply).rest()[1]
    signed = der.Fields(der.values(body.content)[0].content).rest()
    info = der.values(der.values(signed[-1].content)[0].content)
    assert [value.tag for value in info] == [0x02, 0x30, 0x30, 0xA0, 0x30, 0x04]
    assert info[2].raw == der.algorithm("2.16.840.1.101.3.4.2.1")
    assert info[4].raw == der.algorithm("1.2.840.113549.1.1.1")
    attributes = [value.raw for value in der.values(info[3].content)]
    assert attributes == sorted(attributes)
    assert forge.text(scep.MESSAGE_TYPE, b"3") in attributes
    assert forge.text(scep.PKI_STATUS, b"0") in attributes
    assert forge.text(scep.TRANSACTION_ID, sent.transaction_id.encode()) in attributes
    assert forge.attribute(scep.RECIPIENT_NONCE, der.octets(sent.sender_nonce)) in attributes


def test_the_reply_never_falls_below_triple_des_and_sha256(
    tree: Tree, request_der: bytes, identity: x509.Certificate
) -> None:
    sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag, digest="sha1", cipher="des-cbc")
    read = scep.unwrap(scep.open_message(sent.data), tree.ra, allow_sha1=True, allow_des3=False, allow_des=True)
    reply = scep.cert_rep_success(read, identity, tree.ra)
    assert scep_client.read_reply(reply, sent, tree.mac_signer, tree.bag).certificate == identity


def test_every_reply_has_a_fresh_nonce(tree: Tree, request_der: bytes) -> None:
    opened = scep.open_message(scep_client.build_request(request_der, tree.mac_signer, tree.bag).data)
    replies = {scep.cert_rep_failure(opened, scep.FailInfo.BAD_REQUEST, tree.ra) for _ in range(3)}
    assert len(replies) == 3


def test_five_message_types_and_no_other_are_answered(tree: Tree, request_der: bytes) -> None:
    name = tree.device_ca.certificate.subject.public_bytes()
    inside = {
        20: der.sequence(name, name),
        21: der.sequence(name, der.integer(7)),
        22: der.sequence(name, der.integer(7)),
    }
    answered = set()
    for number in range(256):
        envelope = encrypt(inside.get(number, request_der), tree.ra.certificate, "aes-128-cbc")
        opened = scep.open_message(
            pki_message(tree, envelope, types=[forge.text(scep.MESSAGE_TYPE, str(number).encode())])
        )
        try:
            read = scep.unwrap(opened, tree.ra, allow_sha1=True, allow_des3=True)
        except MessageTypeRefused:
            continue
        answered.add(int(read.message_type))
        assert (read.csr is not None) == (number in (17, 19))
        assert (read.named is not None) == (number in (21, 22))
    assert answered == {17, 19, 20, 21, 22}


@pytest.mark.parametrize(
    "types",
    [
        [],
        [forge.text(scep.MESSAGE_TYPE, b"19"), forge.text(scep.MESSAGE_TYPE, b"19")],
        [forge.attribute(scep.MESSAGE_TYPE, der.encode(0x13, b"19"), der.encode(0x13, b"20"))],
        [forge.attribute(scep.MESSAGE_TYPE)],
        [forge.attribute(scep.MESSAGE_TYPE, der.integer(19))],
        [forge.text(scep.MESSAGE_TYPE, b"19", der.UTF8_STRING)],
        [forge.text(scep.MESSAGE_TYPE, b"19", der.IA5_STRING)],
        *(
            [forge.text(scep.MESSAGE_TYPE, wrong)]
            for wrong in (b"19 ", b" 19", b"019", b"+19", b"1 9", b"", b"x", b"-1", b"1e1")
        ),
        [forge.text(scep.MESSAGE_TYPE, b"9" * 400)],
        [forge.text(scep.MESSAGE_TYPE, "١٩".encode())],
    ],
)
def test_a_message_type_that_is_not_one_plain_number_is_refused(
    tree: Tree, request_der: bytes, types: list[bytes]
) -> None:
    with pytest.raises(MessageUnreadable):
        scep.open_message(pki_message(tree, encrypt(request_der, tree.ra.certificate, "aes-128-cbc"), types=types))


@pytest.mark.parametrize(
    "transaction",
    [
        forge.text(scep.TRANSACTION_ID, b""),
        forge.text(scep.TRANSACTION_ID, b"x" * 129),
        forge.text(scep.TRANSACTION_ID, b"a\nb"),
        forge.text(scep.TRANSACTION_ID, b"\xff"),
        forge.text(scep.TRANSACTION_ID, b"T1", der.UTF8_STRING),
        forge.attribute(scep.TRANSACTION_ID),
    ],
)
def test_a_transaction_id_that_cannot_be_repeated_is_refused(tree: Tree, transaction: bytes) -> None:
    with pytest.raises(MessageUnreadable):
        scep.open_message(pki_message(tree, b"x", transaction=transaction))


@pytest.mark.parametrize("nonce", [der.octets(b""), der.octets(b"x" * 65), der.encode(0x13, b"12345678")])
def test_a_nonce_that_is_none_is_refused(tree: Tree, nonce: bytes) -> None:
    with pytest.raises(MessageUnreadable):
        scep.open_message(pki_message(tree, b"x", nonce=forge.attribute(scep.SENDER_NONCE, nonce)))


def test_a_message_without_signed_attributes_is_refused(tree: Tree) -> None:
    with pytest.raises(SignatureMissing):
        scep.open_message(forge.signed(tree.mac_signer, bare=True))


def test_what_the_envelope_shows_openly_is_bad_alg(tree: Tree, request_der: bytes) -> None:
    for cipher, allowed in (("des-cbc", {}), ("des-ede3-cbc", {"allow_des3": False})):
        kind: CipherName = "des-cbc" if cipher == "des-cbc" else "des-ede3-cbc"
        sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag, cipher=kind)
        refusal = refused(tree, sent.data, **allowed)
        assert isinstance(refusal, AlgorithmRefused)
        assert scep.fail_info_for(refusal) is scep.FailInfo.BAD_ALG


def test_sha1_can_be_refused_in_the_protocol(tree: Tree, request_der: bytes) -> None:
    sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag, digest="sha1")
    assert isinstance(refused(tree, sent.data, allow_sha1=False), AlgorithmRefused)


def test_all_that_hangs_on_the_inside_is_one_bad_request(
    tree: Tree, request_der: bytes, mac_key: rsa.RSAPrivateKey
) -> None:
    ra = tree.ra.certificate
    changed = request_der.replace(b"one-time", b"two-time")
    inside = [
        (encrypt(request_der, tree.device_ca.certificate, "aes-128-cbc"), EnvelopeUnreadable),
        (b"noise", EnvelopeUnreadable),
        (encrypt(b"noise", ra, "aes-128-cbc"), RequestUnreadable),
        (encrypt(changed, ra, "aes-128-cbc"), Refusal),
    ]
    for content, kind in inside:
        refusal = refused(tree, pki_message(tree, content))
        assert isinstance(refusal, kind)
        assert scep.fail_info_for(refusal) is scep.FailInfo.BAD_REQUEST


def test_a_signer_who_cannot_get_an_envelope_is_refused(tree: Tree, request_der: bytes, p256: Signer) -> None:
    content = encrypt(request_der, tree.ra.certificate, "aes-128-cbc")
    assert isinstance(refused(tree, pki_message(tree, content, signer=p256)), KeyRefused)


def test_the_bag_is_in_der_order_and_openssl_reads_it(tree: Tree, tmp_path: Path) -> None:
    one, two = scep.certs_only(tree.bag), scep.certs_only(tree.bag[::-1])
    assert one == two
    assert set(scep_client.read_certificates(one)) == set(tree.bag)
    bag = tmp_path / "bag"
    bag.write_bytes(one)
    shown = openssl.run("pkcs7", "-inform", "DER", "-in", bag, "-print_certs").stdout
    assert shown.count(b"BEGIN CERTIFICATE") == 2
    assert b"PRINTABLE" not in openssl.run("asn1parse", "-inform", "DER", "-in", bag).stderr


def test_the_capabilities_are_bare_lines() -> None:
    assert "\r" not in scep.CAPABILITIES
    assert " " not in scep.CAPABILITIES
    lines = scep.CAPABILITIES.split("\n")
    assert lines == [
        "AES",
        "DES3",
        "SHA-256",
        "SHA-384",
        "SHA-512",
        "POSTPKIOperation",
        "SCEPStandard",
        "Renewal",
        "",
    ]


_SENT: list[bytes] = []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_changed_byte_is_refused_by_name_or_changes_nothing(
    tree: Tree, request_der: bytes, data: st.DataObject
) -> None:
    if not _SENT:
        _SENT.append(scep_client.build_request(request_der, tree.mac_signer, tree.bag).data)
    good = _SENT[0]
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = parse(bytes(changed), tree)
    except Refusal:
        return
    assert read.inner == request_der
    assert read.transaction_id == scep_client.transaction_id_of(request_der)
