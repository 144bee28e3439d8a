import math

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AttributeOID
from hypothesis import given, settings
from hypothesis import strategies as st

from otae.errors import AlgorithmRefused, KeyRefused, Refusal, RequestUnreadable, SignatureInvalid
from otae.signing import csr, der
from tests.signing import forge

CHALLENGE = "1.2.840.113549.1.9.7"
SHA256_RSA = "1.2.840.113549.1.1.11"


def spki(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def request(
    key: rsa.RSAPrivateKey,
    attributes: list[bytes] | None,
    *,
    digest: str = "sha256",
    algorithm: str = SHA256_RSA,
    public: bytes | None = None,
    subject: bytes = der.sequence(),
) -> bytes:
    """A request whose attributes come in the given order."""
    info = der.sequence(
        der.integer(0),
        subject,
        spki(key.public_key()) if public is None else public,
        b"" if attributes is None else der.encode(der.explicit(0), *attributes),
    )
    made = forge.signature(key, info, digest)
    return der.sequence(info, der.algorithm(algorithm), der.encode(der.BIT_STRING, b"\0", made))


def challenge(text: bytes, tag: int = der.PRINTABLE_STRING) -> bytes:
    return forge.attribute(CHALLENGE, der.encode(tag, text))


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("string", ["printable", "utf8"])
def test_a_request_as_a_mac_makes_it_is_read(mac_key: rsa.RSAPrivateKey, version: int, string: str) -> None:
    data = csr.build(mac_key, "a Mac", "one-time", version=version, string="utf8" if string == "utf8" else "printable")
    read = csr.parse(data)
    assert read.public_key == mac_key.public_key()
    assert (read.challenge, read.subject, read.version) == ("one-time", "CN=a Mac", version)
    assert "one-time" not in repr(read)


def test_cryptography_reads_what_we_build(mac_key: rsa.RSAPrivateKey) -> None:
    read = x509.load_der_x509_csr(csr.build(mac_key, "a Mac", "one-time"))
    assert read.is_signature_valid
    assert read.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value == b"one-time"
    assert read.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment


def test_a_request_without_challenge_has_none(mac_key: rsa.RSAPrivateKey) -> None:
    assert csr.parse(csr.build(mac_key, "a Mac", None)).challenge is None
    assert csr.parse(request(mac_key, None)).challenge is None


def test_unsorted_attributes_are_read(mac_key: rsa.RSAPrivateKey) -> None:
    attributes = [forge.attribute("2.5.4.3", der.encode(0x0C, b"zz")), challenge(b"one-time")]
    for order in (attributes, attributes[::-1]):
        assert csr.parse(request(mac_key, order)).challenge == "one-time"


def test_sha1_is_taken_and_md5_is_not(mac_key: rsa.RSAPrivateKey) -> None:
    assert csr.parse(request(mac_key, [], digest="sha1", algorithm="1.2.840.113549.1.1.5")).challenge is None
    with pytest.raises(AlgorithmRefused):
        csr.parse(request(mac_key, [], digest="md5", algorithm="1.2.840.113549.1.1.4"))
    with pytest.raises(AlgorithmRefused):
        csr.parse(request(mac_key, [], algorithm="1.2.840.113549.1.1.1"))


def test_a_request_of_another_key_is_refused(mac_key: rsa.RSAPrivateKey, keys: list[rsa.RSAPrivateKey]) -> None:
    with pytest.raises(SignatureInvalid):
        csr.parse(request(mac_key, [], public=spki(keys[0].public_key())))


def test_a_changed_challenge_is_refused(mac_key: rsa.RSAPrivateKey) -> None:
    data = csr.build(mac_key, "a Mac", "one-time")
    with pytest.raises(SignatureInvalid):
        csr.parse(data.replace(b"one-time", b"two-time"))


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (b"one", der.PRINTABLE_STRING),
        (b"one", der.UTF8_STRING),
        (b"one", der.IA5_STRING),
        (b"one", der.TELETEX_STRING),
        (b"\0o\0n\0e", der.BMP_STRING),
    ],
)
def test_a_challenge_is_read_in_every_string_type(mac_key: rsa.RSAPrivateKey, text: bytes, tag: int) -> None:
    assert csr.parse(request(mac_key, [challenge(text, tag)])).challenge == "one"


@pytest.mark.parametrize(
    "attributes",
    [
        [challenge(b"one"), challenge(b"two")],
        [forge.attribute(CHALLENGE, der.encode(0x13, b"one"), der.encode(0x13, b"two"))],
        [challenge(b"one", der.INTEGER)],
        [challenge(b"\0o\0n\0", der.BMP_STRING)],
        [challenge(b"\xff", der.IA5_STRING)],
        [challenge(b"\xff", der.UTF8_STRING)],
        [challenge(b"\xff")],
        [der.octets(b"no attribute")],
    ],
)
def test_a_challenge_that_is_not_one_text_is_refused(mac_key: rsa.RSAPrivateKey, attributes: list[bytes]) -> None:
    with pytest.raises(RequestUnreadable):
        csr.parse(request(mac_key, attributes))


def test_keys_of_another_kind_are_refused(mac_key: rsa.RSAPrivateKey) -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    for public in (spki(elliptic), der.sequence(der.algorithm("1.2.3.4"), der.encode(3, b"\0"))):
        with pytest.raises(KeyRefused):
            csr.parse(request(mac_key, [], public=public))


def test_a_short_key_is_refused() -> None:
    short = rsa.generate_private_key(65537, 1024)
    with pytest.raises(KeyRefused):
        csr.parse(csr.build(short, "short", None))


def test_an_unusual_exponent_is_refused() -> None:
    with pytest.raises(KeyRefused):
        csr.parse(csr.build(rsa.generate_private_key(3, 2048), "three", None))


def public_key(modulus: int) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(65537, modulus).public_key()


def test_a_modulus_with_a_small_factor_is_refused(mac_key: rsa.RSAPrivateKey) -> None:
    modulus = mac_key.public_key().public_numbers().n // 751 * 751
    with pytest.raises(KeyRefused):
        csr.check_key(public_key(modulus if modulus % 2 else modulus - 751))


def test_two_close_factors_are_refused(mac_key: rsa.RSAPrivateKey) -> None:
    p = mac_key.private_numbers().p | 1
    near = p + 2
    while any(near % small == 0 or p % small == 0 for small in (3, 5, 7, 11, 13)):
        near += 2
    close = p * near
    with pytest.raises(KeyRefused):
        csr.check_key(public_key(close))


def test_a_key_built_on_powers_of_65537_is_refused() -> None:
    primes = [n for n in range(3, 702) if all(n % d for d in range(2, math.isqrt(n) + 1))]
    product = 2 * math.prod(primes)  # what the faulty chips took for keys of 2048 bits: p = k * product + power
    for power in (3, 1234567):
        start = pow(65537, power, product)
        modulus = next(
            n
            for n in range(start + (3 << 2046) // product * product, 1 << 2048, product)
            if math.gcd(n, 743 * 751) == 1
        )
        with pytest.raises(KeyRefused, match="CVE-2017-15361"):
            csr.check_key(public_key(modulus))
        csr.check_key(public_key(modulus + 1 + next(n for n in range(1, 10**6, 2) if is_free(modulus + 1 + n))))


def is_free(number: int) -> bool:
    return all(number % small for small in range(3, 752, 2))


def test_a_good_key_is_taken(mac_key: rsa.RSAPrivateKey) -> None:
    csr.check_key(mac_key.public_key())


def test_a_subject_that_is_no_name_is_nobody(mac_key: rsa.RSAPrivateKey) -> None:
    assert csr.parse(request(mac_key, [], subject=der.sequence(der.octets(b"x")))).subject == ""


def test_a_signature_of_broken_bits_is_refused(mac_key: rsa.RSAPrivateKey) -> None:
    data = csr.build(mac_key, "a Mac", None)
    info, algorithm, _ = der.Fields.of(data).rest()
    with pytest.raises(SignatureInvalid):
        csr.parse(der.sequence(info.raw, algorithm.raw, der.encode(3, b"\1", b"\0" * 256)))


def test_bytes_after_the_request_are_refused(mac_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(RequestUnreadable):
        csr.parse(csr.build(mac_key, "a Mac", None) + b"\0")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_changed_byte_is_refused_by_name_or_changes_nothing(mac_key: rsa.RSAPrivateKey, data: st.DataObject) -> None:
    good = _request(mac_key)
    position = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        read = csr.parse(bytes(changed))
    except Refusal:
        return
    assert (read.challenge, read.public_key) == ("one-time", mac_key.public_key())


_BUILT: list[bytes] = []


def _request(key: rsa.RSAPrivateKey) -> bytes:
    if not _BUILT:
        _BUILT.append(csr.build(key, "a Mac", "one-time", version=2))
    return _BUILT[0]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused_by_name(noise: bytes) -> None:
    with pytest.raises(Refusal):
        csr.parse(noise)


def test_the_extensions_a_request_wishes_for_are_not_read(mac_key: rsa.RSAPrivateKey) -> None:
    wish = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(mac_key, hashes.SHA256())
    )
    read = csr.parse(wish.public_bytes(serialization.Encoding.DER))
    assert not hasattr(read, "extensions")
