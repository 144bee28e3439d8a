"""The simulated Mac's hardware: its identifiers, its factory certificate, and how it encodes signed messages.

Captures of real Macs contain BER with indefinite lengths, content in pieces, SHA-1 and no signed attributes;
:class:`MessageFormat` chooses how much of that a simulated Mac does. A temporary CA made here signs the factory
certificate, in place of Apple's.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from otae.signing.algorithms import SHA256_WITH_RSA, digest_of, digest_oid, hash_of
from otae.signing.certificates import Keyed, der, issuer_and_serial, name, new_key, new_serial
from otae.signing.cms import CONTENT_TYPE, DATA, MESSAGE_DIGEST, SIGNED_DATA
from otae.signing.der import SEQUENCE, SET, algorithm, encode, explicit, integer, octets, oid, sequence, set_of
from otae.signing.envelopes import CipherName
from otae.signing.issuing import build_root

_CONSTRUCTED_OCTETS: Final = 0x24
#: Macs name digest and key together, although the digest is named beside it already.
_SIGNED_WITH: Final = {"sha1": "1.2.840.113549.1.1.5", "sha256": SHA256_WITH_RSA}
_PIECE: Final = 1000
_SERIAL_CHARACTERS: Final = "0123456789CDFGHJKLMNPQRTVWXY"
_LIFE: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class MessageFormat:
    """How a simulated Mac encodes its messages.

    In CMS, ``digest``: of the signature; ``attributes``: with signed attributes; ``indefinite``: lengths are indefinite
    (BER); ``whole_chain``: with the issuers of the signer's certificate. In SCEP, ``scep_by_get``: requests go by GET;
    ``cipher``: of the envelope, None for the best that the server offers; ``csr_version``: of the certification
    request.
    """

    digest: Literal["sha1", "sha256"] = "sha1"
    attributes: bool = False
    indefinite: bool = True
    whole_chain: bool = True
    scep_by_get: bool = False
    cipher: CipherName | None = None
    csr_version: int = 2


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the Mac reports about itself. ``version`` is the build; the ``user_`` values describe the local account."""

    udid: str
    serial: str
    product: str = "Mac15,12"
    version: str = "25B78"
    os_version: str = "26.1"
    device_name: str = "Rehearsal Mac"
    model: str = "Mac15,12"
    model_name: str = "MacBook Air"
    user_id: str = ""
    user_short_name: str = "rehearsal"
    user_long_name: str = "Rehearsal"

    @classmethod
    def invented(cls, serial: str | None = None) -> "DeviceFacts":
        """Return random facts of a Mac that does not exist; its serial number begins with "RH" unless given."""
        made = "RH" + "".join(secrets.choice(_SERIAL_CHARACTERS) for _ in range(10))
        return cls(str(uuid4()).upper(), serial or made, user_id=str(uuid4()).upper())


@dataclass(frozen=True, slots=True)
class Hardware:
    """A Mac's factory identity and the certificates of its issuers."""

    identity: Keyed
    chain: tuple[x509.Certificate, ...]


def make_device_ca(now: datetime) -> Keyed:
    """Return a temporary CA for factory certificates, valid two days before and after ``now``; takes up to a second."""
    subject = name(f"Rehearsal Device CA {secrets.token_hex(4)}", "Rehearsal")
    return build_root(new_key(), subject, not_before=now - _LIFE, not_after=now + _LIFE)


def device_leaf(ca: Keyed, now: datetime) -> Keyed:
    """Return a factory identity issued by ``ca``, in the form that Apple's have.

    Its CN is a UUID; its extended key usage, serverAuth and clientAuth, is critical.
    """
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - real Macs carry keys of this size, and servers must take it
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(uuid4()).upper())]))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(new_serial())
        .not_valid_before(now - _LIFE)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usages, critical=True)
    )
    return Keyed(builder.sign(ca.key, hashes.SHA256()), key)


def sign_as_mac(
    content: bytes,
    signer: Keyed,
    chain: Sequence[x509.Certificate],
    message_format: MessageFormat,
    *,
    detached: bool = False,
) -> bytes:
    """Return ``content`` as a CMS SignedData in DER or BER, encoded as ``message_format`` says.

    ``chain``: the signer's issuers, from the lowest up. ``detached``: without the content, as in the Mdm-Signature
    header.
    """
    digest = message_format.digest
    attributes, signed = b"", content
    if message_format.attributes:
        values = {CONTENT_TYPE: oid(DATA), MESSAGE_DIGEST: octets(digest_of(content, digest))}
        pairs = sorted(sequence(oid(dotted), set_of([value])) for dotted, value in values.items())
        attributes, signed = encode(explicit(0), *pairs), encode(SET, *pairs)
    info = sequence(
        integer(1),
        issuer_and_serial(der(signer.certificate)),
        algorithm(digest_oid(digest)),
        attributes,
        algorithm(_SIGNED_WITH[digest]),
        octets(signer.key.sign(signed, padding.PKCS1v15(), hash_of(digest))),
    )
    bag = (signer.certificate, *chain) if message_format.whole_chain else (signer.certificate,)
    wrap = _indefinite if message_format.indefinite else encode
    attached = () if detached else (wrap(explicit(0), _content(content, message_format)),)
    body = wrap(
        SEQUENCE,
        integer(1),
        set_of([algorithm(digest_oid(digest))]),
        wrap(SEQUENCE, oid(DATA), *attached),
        encode(explicit(0), *(der(certificate) for certificate in bag)),
        set_of([info]),
    )
    return wrap(SEQUENCE, oid(SIGNED_DATA), wrap(explicit(0), body))


def _content(content: bytes, message_format: MessageFormat) -> bytes:
    if not message_format.indefinite:
        return octets(content)
    pieces = [content[start : start + _PIECE] for start in range(0, len(content), _PIECE)]
    return _indefinite(_CONSTRUCTED_OCTETS, *(octets(piece) for piece in pieces))


def _indefinite(tag: int, *parts: bytes) -> bytes:
    """Return a constructed value of indefinite length (X.690 §8.1.3.6)."""
    return bytes((tag, 0x80)) + b"".join(parts) + b"\0\0"
