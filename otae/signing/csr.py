"""Certification requests (PKCS #10, RFC 2986): only their public key and challenge are used.

Read with ``der``, because Macs write version 2 where the standard allows 0 only, and other clients leave the attributes
unsorted; the signature is checked over the bytes as received.
"""

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from otae.errors import KeyRefused, RequestUnreadable, SignatureInvalid, Unreadable
from otae.signing.algorithms import SHA256_WITH_RSA, check_signature, hash_of
from otae.signing.certificates import KEY_BITS, subject_text
from otae.signing.der import (
    BIT_STRING,
    BMP_STRING,
    BOOLEAN,
    IA5_STRING,
    INTEGER,
    PRINTABLE_STRING,
    SEQUENCE,
    SET,
    TELETEX_STRING,
    UTF8_STRING,
    Fields,
    Value,
    algorithm,
    encode,
    explicit,
    integer,
    octets,
    oid,
    sequence,
    set_of,
    to_der,
    values,
)

_CHALLENGE_PASSWORD: Final = "1.2.840.113549.1.9.7"  # noqa: S105 - the name of the attribute
_EXTENSION_REQUEST: Final = "1.2.840.113549.1.9.14"
_KEY_USAGE: Final = "2.5.29.15"
#: String type → encoding. Our challenges are ASCII, so it does not matter how TeletexString encodes other characters.
_STRINGS: Final = {
    PRINTABLE_STRING: "ascii",
    UTF8_STRING: "utf-8",
    IA5_STRING: "ascii",
    TELETEX_STRING: "latin-1",
    BMP_STRING: "utf-16-be",
}
_MAX_KEY_BITS: Final = 8192
#: Primes that are tried as factors; a key from a broken generator may have one.
_PRIMES: Final = tuple(n for n in range(3, 752) if all(n % d for d in range(2, math.isqrt(n) + 1)))
_SMALL_PRIMES: Final = math.prod(_PRIMES)
#: Prime → residues of the powers of 65537. Keys of the ROCA generator (CVE-2017-15361), which can be factored, are such
#: a residue modulo all of these primes; of 10^50 other keys not one is.
_ROCA_RESIDUES: Final = {p: frozenset(pow(65537, n, p) for n in range(p)) for p in _PRIMES if p <= 701}
_ROCA_PRODUCT: Final = math.prod(_ROCA_RESIDUES)
#: Steps of Fermat's method: enough for two primes that were searched from the same starting point.
_FERMAT_STEPS: Final = 100
#: Modulus, and the residues of squares by it, which only one of twenty-six numbers has.
_SQUARE_MODULUS: Final = 16 * 9 * 5 * 7
_SQUARE_RESIDUES: Final = frozenset(n * n % _SQUARE_MODULUS for n in range(_SQUARE_MODULUS))


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A request signed with its own key. ``subject``: the requested one, for the log only."""

    public_key: rsa.RSAPublicKey
    challenge: str | None = field(repr=False)
    subject: str
    version: int
    der: bytes = field(repr=False)


def parse(data: bytes) -> CertificationRequest:
    """Read a request (BER or DER) and verify its signature; SHA-1 is accepted.

    Raises:
        RequestUnreadable: malformed, or more than one challenge.
        KeyRefused: not RSA, under 2048 bits, or weak (`check_key`).
        AlgorithmRefused: MD5 or another algorithm that is not accepted.
        SignatureInvalid: the signature does not match.
    """
    try:
        return _parse(to_der(data))
    except Unreadable as error:
        raise RequestUnreadable(error.detail) from error


def _parse(der: bytes) -> CertificationRequest:
    request = Fields.of(der)
    signed = request.take(SEQUENCE)
    dotted = request.inner().oid()
    signature = request.take(BIT_STRING).content
    request.end()
    info = Fields(signed.content)
    version = int.from_bytes(info.take(INTEGER).content, signed=True)
    subject = info.take(SEQUENCE).raw
    public_key = _public_key(info.take(SEQUENCE).raw)
    attributes = info.maybe(explicit(0))
    info.end()
    challenge = _challenge(attributes)
    if signature[:1] != b"\0":
        raise SignatureInvalid("the signature is no whole number of bytes")
    check_signature(public_key, signature[1:], signed.raw, dotted)
    return CertificationRequest(public_key, challenge, subject_text(subject), version, der)


def _public_key(spki: bytes) -> rsa.RSAPublicKey:
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyRefused("the key cannot be read") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyRefused("not an RSA key")
    check_key(key)
    return key


def check_key(key: rsa.RSAPublicKey) -> None:
    """Check the strength of an RSA key: 2048 to 8192 bits, a usual exponent, no factors that are easy to find.

    Raises KeyRefused.
    """
    numbers = key.public_numbers()
    if not KEY_BITS <= key.key_size <= _MAX_KEY_BITS:
        raise KeyRefused(f"{key.key_size} bits, {KEY_BITS} to {_MAX_KEY_BITS} allowed")
    if numbers.e % 2 == 0 or not 65537 <= numbers.e < 1 << 32:
        raise KeyRefused("an unusual exponent")
    if numbers.n % 2 == 0 or math.gcd(numbers.n, _SMALL_PRIMES) != 1 or _has_close_factors(numbers.n):
        raise KeyRefused("a key whose factors can be found")
    if _is_roca_key(numbers.n):
        raise KeyRefused("a key of a faulty generator (CVE-2017-15361)")


def _has_close_factors(modulus: int) -> bool:
    """Return whether Fermat's method factors the modulus in a few steps: n = a² - b² with a small b."""
    a = math.isqrt(modulus - 1) + 1
    square = a * a - modulus
    for _ in range(_FERMAT_STEPS):
        if square % _SQUARE_MODULUS in _SQUARE_RESIDUES and math.isqrt(square) ** 2 == square:
            return True
        square += 2 * a + 1
        a += 1
    return False


def _is_roca_key(modulus: int) -> bool:
    """Return whether the modulus has the fingerprint of the ROCA generator (CVE-2017-15361)."""
    rest = modulus % _ROCA_PRODUCT
    return all(rest % prime in left for prime, left in _ROCA_RESIDUES.items())


def _challenge(attributes: Value | None) -> str | None:
    found: list[str] = []
    for attribute in values(attributes.content) if attributes is not None else []:
        fields = Fields.of(attribute.raw)
        dotted = fields.oid()
        entries = values(fields.take(SET).content)
        fields.end()
        if dotted == _CHALLENGE_PASSWORD:
            found += [_text(entry) for entry in entries]
    if len(found) > 1:
        raise RequestUnreadable("more than one challenge")
    return found[0] if found else None


def _text(value: Value) -> str:
    """Return a challenge of any string type that clients use (RFC 2985 §5.4.1). Raises RequestUnreadable."""
    if value.tag not in _STRINGS:
        raise RequestUnreadable("a challenge of another type than text")
    try:
        return value.content.decode(_STRINGS[value.tag])
    except UnicodeDecodeError as error:
        raise RequestUnreadable("a challenge that is no text") from error


def build(
    key: rsa.RSAPrivateKey,
    common_name: str,
    challenge: str | None,
    *,
    version: int = 0,
    string: Literal["printable", "utf8"] = "printable",
) -> bytes:
    """Return a request (DER) as a Mac makes it: CN, keyUsage and perhaps a challenge, signed with SHA-256.

    Macs write version 2. ``string`` is the type of the challenge.
    """
    usage = sequence(oid(_KEY_USAGE), encode(BOOLEAN, b"\xff"), octets(encode(BIT_STRING, b"\x05\xa0")))
    attributes = [sequence(oid(_EXTENSION_REQUEST), set_of([sequence(usage)]))]
    if challenge is not None:
        tag = PRINTABLE_STRING if string == "printable" else UTF8_STRING
        attributes.append(sequence(oid(_CHALLENGE_PASSWORD), set_of([encode(tag, challenge.encode())])))
    info = sequence(
        integer(version),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]).public_bytes(),
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        encode(explicit(0), *sorted(attributes)),
    )
    signature = key.sign(info, padding.PKCS1v15(), hash_of("sha256"))
    return sequence(info, algorithm(SHA256_WITH_RSA), encode(BIT_STRING, b"\0", signature))
