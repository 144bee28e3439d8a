"""Cryptographic Message Syntax (RFC 5652): signing and verifying. ``envelopes`` encrypts and decrypts.

The same rules apply to everything a device sends, attached or detached, BER or DER:

- exactly one signer, named by issuer and serial number, whose certificate is in the message exactly once;
- signed attributes, if any, contain the content type and the digest of the content exactly once each, no attribute
  twice, and the digest matches the content;
- without signed attributes the content must be a property list, so that a set of attributes signed elsewhere can never
  be passed off as content;
- nothing after the message, nothing left over inside it, no algorithm outside the lists of ``algorithms``.

Who the signer is, whether its certificate is valid and who issued it, is for the caller to check.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs7

from otae.errors import (
    AlgorithmRefused,
    MessageUnreadable,
    SignatureInvalid,
    SignatureMissing,
    SignerUntrusted,
    TooLarge,
)
from otae.signing.algorithms import (
    RSA_ENCRYPTION,
    Digest,
    check_signature,
    digest_named,
    digest_of,
    digest_oid,
    hash_of,
)
from otae.signing.certificates import Keyed, der, issuer_and_serial, load_certificate
from otae.signing.der import (
    INTEGER,
    MAX_BYTES,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    Fields,
    Value,
    algorithm,
    encode,
    explicit,
    integer,
    octets,
    oid,
    read_oid,
    sequence,
    set_of,
    to_der,
    values,
)

DATA: Final = "1.2.840.113549.1.7.1"
SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_PLIST_STARTS: Final = (b"<?xml", b"bplist", b"<!DOCTYPE plist", b"<plist")
_MAX_CERTIFICATES: Final = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """Which messages `verify` accepts.

    Attributes:
        allow_sha1: accept SHA-1 digests.
        attributes: "optional": accept messages without signed attributes.
        max_bytes: longest message.
        absent_is_empty: treat absent content as empty, as in SCEP failures (RFC 8894 §3.3).
    """

    allow_sha1: bool = False
    attributes: Literal["required", "optional"] = "required"
    max_bytes: int = MAX_BYTES
    absent_is_empty: bool = False


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message with a verified signature.

    Attributes:
        signer: proven to hold the key of its certificate; nothing else about it was checked.
        certificates: all certificates in the message, unverified.
        attributes: the signed attributes, dotted OID → DER of each value; None when the message has none.
    """

    content: bytes = field(repr=False)
    signer: x509.Certificate = field(repr=False)  # its repr would read a name that anybody wrote
    certificates: tuple[x509.Certificate, ...] = field(repr=False)
    digest: Digest
    attributes: Mapping[str, tuple[bytes, ...]] | None = field(repr=False)


def verify(data: bytes, *, detached: bytes | None = None, policy: Policy) -> SignedMessage:
    """Verify the signature of a SignedData message, BER or DER.

    Args:
        detached: the content, for a message that contains none.

    Raises:
        TooLarge: more than ``policy.max_bytes``, or too many certificates.
        MessageUnreadable: malformed, or more than one signer.
        AlgorithmRefused: an algorithm that is not accepted.
        SignatureMissing: no signer, or no signed attributes where they are required.
        SignerUntrusted: the signer's certificate is not in the message exactly once.
        SignatureInvalid: the signature does not match.
    """
    body = body_of(to_der(data, max_bytes=policy.max_bytes), SIGNED_DATA)
    body.take(INTEGER)
    body.take(SET)  # digestAlgorithms only announce; the signer's own digestAlgorithm counts
    attached = _attached_content(body.inner())
    bag = body.maybe(explicit(0))
    body.maybe(explicit(1))
    signers = values(body.take(SET).content)
    body.end()
    if not signers:
        raise SignatureMissing("the message has no signer")
    if len(signers) > 1 or signers[0].tag != SEQUENCE:
        raise MessageUnreadable("the message has more than one signer")
    content = _the_content(attached, detached, policy)
    certificates = _certificates(bag)
    return _verify_signer(Fields(signers[0].content), content, certificates, policy)


def claimed_content(data: bytes, *, max_bytes: int) -> bytes:
    """Return the unverified content of a SignedData message, BER or DER; b"" without any.

    Only for finding out which Mac or person a refused message was about. Raises TooLarge or MessageUnreadable.
    """
    body = body_of(to_der(data, max_bytes=max_bytes), SIGNED_DATA)
    body.take(INTEGER)
    body.take(SET)
    return _attached_content(body.inner()) or b""


def body_of(der: bytes, content_type: str) -> Fields:
    """Return the fields inside a ContentInfo (RFC 5652 §3) of the given type. Raises MessageUnreadable."""
    info = Fields.of(der)
    if info.oid() != content_type:
        raise MessageUnreadable("a message of another type")
    wrapped = info.inner(explicit(0))
    info.end()
    body = wrapped.inner()
    wrapped.end()
    return body


def _attached_content(encapsulated: Fields) -> bytes | None:
    if encapsulated.oid() != DATA:
        raise MessageUnreadable("the content is not plain data")
    wrapped = encapsulated.maybe(explicit(0))
    encapsulated.end()
    if wrapped is None:
        return None
    inner = Fields(wrapped.content)
    content = inner.take(OCTET_STRING).content
    inner.end()
    return content


def _the_content(attached: bytes | None, detached: bytes | None, policy: Policy) -> bytes:
    if attached is not None and detached is not None:
        raise MessageUnreadable("content inside a message that signs other content")
    content = detached if attached is None else attached
    if content is None and policy.absent_is_empty:
        return b""
    if content is None:
        raise MessageUnreadable("the message has no content")
    return content


def _certificates(bag: Value | None) -> tuple[tuple[bytes, x509.Certificate], ...]:
    """Return each different certificate of the bag, with its IssuerAndSerialNumber as DER."""
    encoded = dict.fromkeys(value.raw for value in values(bag.content)) if bag is not None else {}
    if len(encoded) > _MAX_CERTIFICATES:
        raise TooLarge(f"{len(encoded)} certificates, {_MAX_CERTIFICATES} allowed")
    return tuple((issuer_and_serial(raw), load_certificate(raw)) for raw in encoded)


def _verify_signer(
    info: Fields, content: bytes, certificates: tuple[tuple[bytes, x509.Certificate], ...], policy: Policy
) -> SignedMessage:
    info.take(INTEGER)
    sid = info.take(SEQUENCE)
    digest = digest_named(info.inner().oid())
    if digest == "sha1" and not policy.allow_sha1:
        raise AlgorithmRefused("digest algorithm sha1")
    attributes = info.maybe(explicit(0))
    signature_algorithm = info.inner().oid()
    signature = info.take(OCTET_STRING).content
    info.maybe(explicit(1))
    info.end()
    named = [certificate for name, certificate in certificates if name == sid.raw]
    if len(named) != 1:
        raise SignerUntrusted(f"{len(named)} certificates in the message are the signer's")
    if attributes is None:
        if policy.attributes == "required":
            raise SignatureMissing("the message has no signed attributes")
        if not content.startswith(_PLIST_STARTS):
            raise SignatureInvalid("content without signed attributes that is no property list")
        read, signed = None, content
    else:
        read, signed = _attributes(attributes), encode(SET, attributes.content)
        _check_attributes(read, content, digest)
    check_signature(_public_key(named[0]), signature, signed, signature_algorithm, digest)
    return SignedMessage(content, named[0], tuple(certificate for _, certificate in certificates), digest, read)


def _public_key(certificate: x509.Certificate) -> PublicKeyTypes:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AlgorithmRefused("the signer's key cannot be read") from error


def _attributes(attributes: Value) -> Mapping[str, tuple[bytes, ...]]:
    read: dict[str, tuple[bytes, ...]] = {}
    for attribute in values(attributes.content):
        if attribute.tag != SEQUENCE:
            raise MessageUnreadable("a signed attribute that is none")
        fields = Fields(attribute.content)
        dotted = fields.oid()
        if dotted in read:
            raise MessageUnreadable(f"signed attribute {dotted} twice")
        read[dotted] = tuple(value.raw for value in values(fields.take(SET).content))
        fields.end()
    return MappingProxyType(read)


def single(attributes: Mapping[str, tuple[bytes, ...]], dotted: str, tag: int) -> bytes:
    """Return the content of an attribute's only value, which must be of type ``tag``. Raises MessageUnreadable."""
    found = attributes.get(dotted, ())
    if len(found) != 1:
        raise MessageUnreadable(f"signed attribute {dotted} has {len(found)} values")
    value = values(found[0])[0]
    if value.tag != tag:
        raise MessageUnreadable(f"signed attribute {dotted} is of another type")
    return value.content


def _check_attributes(attributes: Mapping[str, tuple[bytes, ...]], content: bytes, digest: Digest) -> None:
    if read_oid(single(attributes, CONTENT_TYPE, OBJECT_IDENTIFIER)) != DATA:
        raise SignatureInvalid("the signed content type is another one")
    if not hmac.compare_digest(single(attributes, MESSAGE_DIGEST, OCTET_STRING), digest_of(content, digest)):
        raise SignatureInvalid("the signed digest is that of other content")


def sign(content: bytes, signer: Keyed, chain: Sequence[x509.Certificate]) -> bytes:
    """Return a SignedData (DER) around ``content``, with SHA-256 and signed attributes.

    The signer's issuers (``chain``) are added to the message, without the root, which the reader trusts anyway.
    """
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(signer.certificate, signer.key, hashes.SHA256())
    for certificate in chain:  # last: set_data forgets certificates added before it
        builder = builder.add_certificate(certificate)
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    return builder.sign(serialization.Encoding.DER, options)


def signed_data(
    content: bytes | None,
    signer: Keyed,
    certificates: Sequence[x509.Certificate],
    digest: Digest,
    attributes: Mapping[str, bytes],
) -> bytes:
    """Return a SignedData (DER) with signed attributes given by the caller.

    The signature algorithm is plain rsaEncryption, with the digest named separately: strongSwan reads nothing else.

    Args:
        content: None for a message without eContent.
        attributes: dotted OID → DER of its one value; contentType and messageDigest are added.
    """
    named = {CONTENT_TYPE: oid(DATA), MESSAGE_DIGEST: octets(digest_of(content or b"", digest)), **attributes}
    signed = set_of(sequence(oid(dotted), set_of([value])) for dotted, value in named.items())
    info = sequence(
        integer(1),
        issuer_and_serial(der(signer.certificate)),
        algorithm(digest_oid(digest)),
        encode(explicit(0), *(value.raw for value in values(values(signed)[0].content))),
        algorithm(RSA_ENCRYPTION),
        octets(signer.key.sign(signed, padding.PKCS1v15(), hash_of(digest))),
    )
    body = sequence(
        integer(1),
        set_of([algorithm(digest_oid(digest))]),
        sequence(oid(DATA), *([] if content is None else [encode(explicit(0), octets(content))])),
        encode(explicit(0), *sorted(der(certificate) for certificate in certificates)),
        set_of([info]),
    )
    return content_info(SIGNED_DATA, body)


def content_info(content_type: str, body: bytes) -> bytes:
    """Return a ContentInfo (RFC 5652 §3) around an encoded body."""
    return sequence(oid(content_type), encode(explicit(0), body))
