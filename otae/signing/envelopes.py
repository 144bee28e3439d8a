"""EnvelopedData (RFC 5652 §6): content encrypted to one RSA certificate.

Key transport is RSA PKCS #1 v1.5, which Macs and all SCEP clients use. Against padding oracles, :func:`decrypt` raises
the same error after the same work for a wrong recipient, a wrong key and a wrong padding.
"""

import secrets
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from otae.errors import AlgorithmRefused, EnvelopeUnreadable, KeyRefused, Unreadable
from otae.signing.algorithms import RSA_ENCRYPTION
from otae.signing.certificates import Keyed, der, issuer_and_serial
from otae.signing.cms import DATA, body_of, content_info
from otae.signing.der import (
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    Fields,
    algorithm,
    encode,
    explicit,
    implicit,
    integer,
    octets,
    oid,
    sequence,
    set_of,
    to_der,
)

ENVELOPED_DATA: Final = "1.2.840.113549.1.7.3"

CipherName = Literal["aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des-ede3-cbc", "des-cbc"]


class _CipherSpec(NamedTuple):
    dotted: str
    key_bytes: int
    block_bytes: int


_CIPHERS: Final[dict[CipherName, _CipherSpec]] = {
    "aes-128-cbc": _CipherSpec("2.16.840.1.101.3.4.1.2", 16, 16),
    "aes-192-cbc": _CipherSpec("2.16.840.1.101.3.4.1.22", 24, 16),
    "aes-256-cbc": _CipherSpec("2.16.840.1.101.3.4.1.42", 32, 16),
    "des-ede3-cbc": _CipherSpec("1.2.840.113549.3.7", 24, 8),
    "des-cbc": _CipherSpec("1.3.14.3.2.7", 8, 8),
}
_NAMES: Final = {kind.dotted: name for name, kind in _CIPHERS.items()}


@dataclass(frozen=True, slots=True)
class Decrypted:
    """The content of an envelope, and its cipher."""

    content: bytes = field(repr=False)
    cipher: CipherName


def encrypt(content: bytes, recipient: x509.Certificate, cipher: CipherName) -> bytes:
    """Return an EnvelopedData (DER) for the RSA key of ``recipient``. Raises KeyRefused for another kind of key."""
    public_key = recipient.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise KeyRefused("an envelope needs an RSA certificate")
    kind = _CIPHERS[cipher]
    key, iv = secrets.token_bytes(kind.key_bytes), secrets.token_bytes(kind.block_bytes)
    padder = PKCS7(8 * kind.block_bytes).padder()
    encryptor = Cipher(_algorithm(cipher, key), modes.CBC(iv)).encryptor()
    encrypted = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    key_transport = sequence(
        integer(0),
        issuer_and_serial(der(recipient)),
        algorithm(RSA_ENCRYPTION),
        octets(public_key.encrypt(key, padding.PKCS1v15())),
    )
    encrypted_content = sequence(oid(DATA), algorithm(kind.dotted, octets(iv)), encode(implicit(0), encrypted))
    return content_info(ENVELOPED_DATA, sequence(integer(0), set_of([key_transport]), encrypted_content))


def decrypt(envelope: bytes, recipient: Keyed, *, allow_des3: bool, allow_des: bool = False) -> Decrypted:
    """Decrypt an envelope (BER or DER) that names ``recipient`` by issuer and serial number.

    AES is always accepted, triple and single DES when allowed.

    Raises:
        AlgorithmRefused: another cipher, which the envelope shows in the clear.
        EnvelopeUnreadable: any other failure.
    """
    try:
        parts = _parts(to_der(envelope), recipient)
    except Unreadable as error:
        raise EnvelopeUnreadable from error
    if (parts.cipher == "des-ede3-cbc" and not allow_des3) or (parts.cipher == "des-cbc" and not allow_des):
        raise AlgorithmRefused(f"cipher {parts.cipher}")
    kind = _CIPHERS[parts.cipher]
    key = _content_key(parts.encrypted_key, recipient.key, kind.key_bytes)
    try:
        decryptor = Cipher(_algorithm(parts.cipher, key), modes.CBC(parts.iv)).decryptor()
        padded = decryptor.update(parts.encrypted) + decryptor.finalize()
        unpadder = PKCS7(8 * kind.block_bytes).unpadder()
        return Decrypted(unpadder.update(padded) + unpadder.finalize(), parts.cipher)
    except ValueError as error:
        raise EnvelopeUnreadable from error


def recipients(envelope: bytes) -> frozenset[bytes]:
    """Return each recipient's IssuerAndSerialNumber (RFC 5652 §10.2.4) in DER. Raises EnvelopeUnreadable."""
    try:
        body = body_of(to_der(envelope), ENVELOPED_DATA)
        body.take(INTEGER)
        body.maybe(explicit(0))
        entries = [Fields(entry.content) for entry in Fields(body.take(SET).content).rest() if entry.tag == SEQUENCE]
        for entry in entries:
            entry.take(INTEGER)
        found = [entry.maybe(SEQUENCE) for entry in entries]
    except Unreadable as error:
        raise EnvelopeUnreadable from error
    return frozenset(name.raw for name in found if name is not None)


class _Parts(NamedTuple):
    encrypted_key: bytes
    cipher: CipherName
    iv: bytes
    encrypted: bytes


def _parts(envelope: bytes, recipient: Keyed) -> _Parts:
    body = body_of(envelope, ENVELOPED_DATA)
    body.take(INTEGER)
    body.maybe(explicit(0))
    recipients = body.take(SET)
    encrypted = body.inner()
    body.maybe(explicit(1))
    body.end()
    encrypted.oid()
    cipher = encrypted.inner()
    dotted = cipher.oid()
    name = _NAMES.get(dotted)
    if name is None:
        raise AlgorithmRefused(f"cipher {dotted}")
    iv = cipher.take(OCTET_STRING).content
    cipher.end()
    content = encrypted.take(implicit(0)).content
    encrypted.end()
    return _Parts(_encrypted_key(recipients.content, recipient), name, iv, content)


def _encrypted_key(recipients: bytes, recipient: Keyed) -> bytes:
    """Return the encrypted content key for ``recipient``; b"" when the envelope does not name it."""
    own_identifier = issuer_and_serial(der(recipient.certificate))
    for entry in Fields(recipients).rest():
        if entry.tag != SEQUENCE:
            continue
        transport = Fields(entry.content)
        transport.take(INTEGER)
        if transport.maybe(SEQUENCE) != Fields(own_identifier).take(SEQUENCE):
            continue
        if transport.inner().oid() != RSA_ENCRYPTION:
            raise AlgorithmRefused("key transport other than RSA PKCS #1 v1.5")
        return transport.take(OCTET_STRING).content
    return b""


def _content_key(encrypted: bytes, key: rsa.RSAPrivateKey, size: int) -> bytes:
    """Return the content key, or a random one of the same size when it does not decrypt; the caller cannot tell."""
    substitute = secrets.token_bytes(size)
    try:
        content_key = key.decrypt(encrypted.rjust(key.key_size // 8, b"\0"), padding.PKCS1v15())
    except ValueError:
        return substitute
    return content_key if len(content_key) == size else substitute


def _algorithm(cipher: CipherName, key: bytes) -> CipherAlgorithm:
    if cipher.startswith("aes"):
        return algorithms.AES(key)
    return TripleDES(key * 3 if cipher == "des-cbc" else key)
