from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from otae.errors import AlgorithmRefused, EnvelopeUnreadable, KeyRefused, Refusal
from otae.signing import der
from otae.signing.certificates import Keyed, issuer_and_serial, pem
from otae.signing.certificates import der as as_der
from otae.signing.envelopes import CipherName, decrypt, encrypt
from tests.signing import forge, openssl
from tests.signing.conftest import Tree
from tests.signing.forge import Signer

CIPHERS: list[CipherName] = ["aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des-ede3-cbc"]
SECRET = b"what only the recipient reads " * 9


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("content", [b"", b"x", b"y" * 16, SECRET], ids=len)
def test_an_envelope_opens_for_us_and_for_openssl(
    tree: Tree, tmp_path: Path, cipher: CipherName, content: bytes
) -> None:
    sealed = encrypt(content, tree.ra.certificate, cipher)
    opened = decrypt(sealed, tree.ra, allow_des3=True)
    assert (opened.content, opened.cipher) == (content, cipher)
    assert openssl.decrypts(sealed, tmp_path, tree.ra) == content
    assert content == b"" or content.decode() not in repr(opened)


def test_cryptography_opens_it_too(tree: Tree) -> None:
    sealed = encrypt(SECRET, tree.ra.certificate, "aes-256-cbc")
    assert pkcs7.pkcs7_decrypt_der(sealed, tree.ra.certificate, tree.ra.key, []) == SECRET


@pytest.mark.parametrize("flags", [(), ("-stream", "-indef")], ids=["der", "ber"])
@pytest.mark.parametrize("cipher", ["aes128", "aes192", "aes256", "des3"])
def test_what_openssl_encrypts_opens(tree: Tree, tmp_path: Path, cipher: str, flags: tuple[str, ...]) -> None:
    (tmp_path / "content").write_bytes(SECRET)
    names = []
    for index, keyed in enumerate((tree.device_ca, tree.ra)):
        names.append(tmp_path / f"{index}.pem")
        names[-1].write_bytes(pem(keyed.certificate))
    told = ("-in", tmp_path / "content", "-outform", "DER", "-out", tmp_path / "sealed")
    openssl.run("cms", "-encrypt", "-binary", f"-{cipher}", *flags, *told, *names)
    assert decrypt((tmp_path / "sealed").read_bytes(), tree.ra, allow_des3=True).content == SECRET


def test_our_recipient_is_found_among_others(tree: Tree) -> None:
    ours = der.Fields.of(encrypt(SECRET, tree.ra.certificate, "aes-128-cbc"))
    ours.oid()
    body = ours.inner(der.explicit(0)).inner()
    version, recipients, content = body.rest()
    other = der.sequence(
        der.integer(0),
        issuer_and_serial(as_der(tree.device_ca.certificate)),
        der.algorithm(forge.RSA),
        der.octets(b"\1" * 256),
    )
    by_key = der.encode(0xA1, der.integer(3))
    both = der.encode(der.SET, by_key, other, recipients.content)
    sealed = der.sequence(
        der.oid("1.2.840.113549.1.7.3"), der.encode(0xA0, der.sequence(version.raw, both, content.raw))
    )
    assert decrypt(sealed, tree.ra, allow_des3=True).content == SECRET


def test_triple_and_single_des_open_only_when_allowed(tree: Tree) -> None:
    triple = encrypt(SECRET, tree.ra.certificate, "des-ede3-cbc")
    single = encrypt(SECRET, tree.ra.certificate, "des-cbc")
    with pytest.raises(AlgorithmRefused):
        decrypt(triple, tree.ra, allow_des3=False)
    with pytest.raises(AlgorithmRefused):
        decrypt(single, tree.ra, allow_des3=True)
    assert decrypt(single, tree.ra, allow_des3=False, allow_des=True).content == SECRET


def changed(sealed: bytes, old: bytes, new: bytes) -> bytes:
    assert sealed.count(old) == 1
    return sealed.replace(old, new)


def test_rc2_and_oaep_are_refused_as_algorithms(tree: Tree) -> None:
    sealed = encrypt(SECRET, tree.ra.certificate, "des-ede3-cbc")
    rc2 = changed(sealed, der.oid("1.2.840.113549.3.7"), der.oid("1.2.840.113549.3.2"))
    with pytest.raises(AlgorithmRefused):
        decrypt(rc2, tree.ra, allow_des3=True)
    oaep = changed(sealed, der.algorithm(forge.RSA), der.algorithm("1.2.840.113549.1.1.7"))
    with pytest.raises(AlgorithmRefused):
        decrypt(oaep, tree.ra, allow_des3=True)


def failures(tree: Tree) -> list[bytes]:
    """Nothing encrypted to us, a key of noise, a wrong padding, an odd length, an odd start, nothing at all."""
    sealed = encrypt(SECRET, tree.ra.certificate, "aes-128-cbc")
    name = issuer_and_serial(as_der(tree.ra.certificate))
    key_at = sealed.index(name) + len(name) + len(der.algorithm(forge.RSA)) + 4
    return [
        encrypt(SECRET, tree.device_ca.certificate, "aes-128-cbc"),
        sealed[:key_at] + b"\x01" * 256 + sealed[key_at + 256 :],
        sealed[:-1] + bytes((sealed[-1] ^ 0xFF,)),
        b"",
        b"\x30\x00",
        forge.signed(tree.ra),
        sealed + b"\0",
    ]


def test_every_failure_has_one_face(tree: Tree) -> None:
    faces = set()
    for broken in failures(tree):
        with pytest.raises(EnvelopeUnreadable) as caught:
            decrypt(broken, tree.ra, allow_des3=True)
        faces.add((caught.value.code, str(caught.value), caught.value.detail))
    assert len(faces) == 1


def test_an_envelope_for_an_elliptic_key_is_refused(p256: Signer) -> None:
    with pytest.raises(KeyRefused):
        encrypt(SECRET, p256.certificate, "aes-128-cbc")


def test_the_right_name_with_another_key_opens_nothing(tree: Tree) -> None:
    sealed = encrypt(SECRET, tree.ra.certificate, "aes-128-cbc")
    thief = Keyed(tree.ra.certificate, tree.root.key)
    for _ in range(20):  # one wrong key in 256 ends in a padding that looks right
        try:
            found = decrypt(sealed, thief, allow_des3=True).content
        except EnvelopeUnreadable:
            continue
        assert found != SECRET


_SEALED: list[bytes] = []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_changed_byte_never_escapes(tree: Tree, data: st.DataObject) -> None:
    if not _SEALED:
        _SEALED.append(encrypt(SECRET, tree.ra.certificate, "aes-128-cbc"))
    broken = bytearray(_SEALED[0])
    broken[data.draw(st.integers(0, len(broken) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decrypt(bytes(broken), tree.ra, allow_des3=True, allow_des=True)
    except Refusal:
        return


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_an_envelope_that_cannot_be_opened(tree: Tree, noise: bytes) -> None:
    with pytest.raises(EnvelopeUnreadable):
        decrypt(noise, tree.ra, allow_des3=True)
