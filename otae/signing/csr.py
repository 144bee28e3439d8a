"""Certification requests (PKCS #10, RFC 2986): the key and the challenge, nothing else is believed.

Read with this room's own reader, for Macs write version 2 where the standard knows 0 alone, and other clients leave the
attributes unsorted; the signature is checked over the bytes as they came.
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
#: Types of text → how it is encoded. Our challenges are ASCII, so what TeletexString makes of other bytes is no matter.
_STRINGS: Final = {
    PRINTABLE_STRING: "ascii",
    UTF8_STRING: "utf-8",
    IA5_STRING: "ascii",
    TELETEX_STRING: "latin-1",
    BMP_STRING: "utf-16-be",
}
_MAX_KEY_BITS: Final = 8192
#: Factors up to here are looked for; a key from a broken generator has one.
_PRIMES: Final = tuple(n for n in range(3, 752) if all(n % d for d in range(2, math.isqrt(n) + 1)))
_SMALL_PRIMES: Final = math.prod(_PRIMES)
#: Prime → what powers of 65537 leave over. Chips of one maker (CVE-2017-15361) made keys that are such a power for all
#: of these at once, and can be factored; of 10^50 other keys not one is.
_LEFT_BY_POWERS: Final = {p: frozenset(pow(65537, n, p) for n in range(p)) for p in _PRIMES if p <= 701}
_POWERS: Final = math.prod(_LEFT_BY_POWERS)
#: Steps of Fermat's method: enough for two primes that were searched from one starting point.
_FERMAT_STEPS: Final = 100
#: What squares leave over when divided by this number; of twenty-six other numbers one does.
_SIEVE: Final = 16 * 9 * 5 * 7
_LEFT_BY_SQUARES: Final = frozenset(n * n % _SIEVE for n in range(_SIEVE))


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A request whose signature its own key made. ``subject`` is what it wishes for, for the log alone."""

    public_key: rsa.RSAPublicKey
    challenge: str | None = field(repr=False)
    subject: str
    version: int
    der: bytes = field(repr=False)


def parse(data: bytes) -> CertificationRequest:
    """Read and verify a request, BER or DER; SHA-1 is taken.

    Raises RequestUnreadable, KeyRefused (not RSA, under 2048 bits or badly made), AlgorithmRefused (MD5 and others) or
    SignatureInvalid.
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
    """That the key is worth a certificate: 2048 to 8192 bits, a usual exponent, no factor that anybody finds.

    Raises KeyRefused.
    """
    numbers = key.public_numbers()
    if not KEY_BITS <= key.key_size <= _MAX_KEY_BITS:
        raise KeyRefused(f"{key.key_size} bits, {KEY_BITS} to {_MAX_KEY_BITS} allowed")
    if numbers.e % 2 == 0 or not 65537 <= numbers.e < 1 << 32:
        raise KeyRefused("an unusual exponent")
    if numbers.n % 2 == 0 or math.gcd(numbers.n, _SMALL_PRIMES) != 1 or _factors_lie_close(numbers.n):
        raise KeyRefused("a key whose factors can be found")
    if _made_of_powers(numbers.n):
        raise KeyRefused("a key of a faulty generator (CVE-2017-15361)")


def _factors_lie_close(modulus: int) -> bool:
    """Fermat's method: n = a² - b² for a small b is found in a few steps."""
    a = math.isqrt(modulus - 1) + 1
    square = a * a - modulus
    for _ in range(_FERMAT_STEPS):
        if square % _SIEVE in _LEFT_BY_SQUARES and math.isqrt(square) ** 2 == square:
            return True
        square += 2 * a + 1
        a += 1
    return False


def _made_of_powers(modulus: int) -> bool:
    """Whether both factors were built on powers of 65537, which shows in what the modulus leaves over."""
    rest = modulus % _POWERS
    return all(rest % prime in left for prime, left in _LEFT_BY_POWERS.items())


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
    """A challenge in any string type that a client of some age may write it in (RFC 2985 §5.4.1)."""
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
    """A request as a Mac makes it: CN, keyUsage and, if given, the challenge; signed with SHA-256, as DER.

    ``version`` 2 is what Macs were seen to write.
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
