"""Makes CMS messages field by field, so that each field can be wrong by itself."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from otae.signing import der
from otae.signing.certificates import Keyed, issuer_and_serial
from otae.signing.certificates import der as as_der

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
RSA = "1.2.840.113549.1.1.1"

DIGESTS: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "md5": ("1.2.840.113549.2.5", hashes.MD5()),  # noqa: S303 - to show that it is refused
    "sha1": ("1.3.14.3.2.26", hashes.SHA1()),  # noqa: S303 - old Macs sign with it
    "sha224": ("2.16.840.1.101.3.4.2.4", hashes.SHA224()),
    "sha256": ("2.16.840.1.101.3.4.2.1", hashes.SHA256()),
    "sha384": ("2.16.840.1.101.3.4.2.2", hashes.SHA384()),
    "sha512": ("2.16.840.1.101.3.4.2.3", hashes.SHA512()),
}

PLIST = b'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict/></plist>\n'
OTHER_PLIST = PLIST.replace(b"<dict/>", b"<true/>")


AnyKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Signer:
    """Any certificate with any key; the product's own Keyed knows RSA alone."""

    certificate: x509.Certificate
    key: AnyKey


AnySigner = Signer | Keyed


def digest(content: bytes, name: str) -> bytes:
    calculation = hashes.Hash(DIGESTS[name][1])
    calculation.update(content)
    return calculation.finalize()


def attribute(dotted: str, *values: bytes) -> bytes:
    return der.sequence(der.oid(dotted), der.set_of(values))


def text(dotted: str, value: bytes, tag: int = der.PRINTABLE_STRING) -> bytes:
    """A signed attribute with one string."""
    return attribute(dotted, der.encode(tag, value))


def content_type(dotted: str = DATA) -> bytes:
    return attribute(CONTENT_TYPE, der.oid(dotted))


def message_digest(content: bytes, name: str = "sha256") -> bytes:
    return attribute(MESSAGE_DIGEST, der.octets(digest(content, name)))


def standard(content: bytes, name: str = "sha256") -> list[bytes]:
    return [content_type(), message_digest(content, name)]


def signature(key: AnyKey, signed: bytes, name: str = "sha256") -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), DIGESTS[name][1])
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(signed, ec.ECDSA(DIGESTS[name][1]))
    return key.sign(signed)


def signer_info(
    who: AnySigner,
    content: bytes,
    attributes: list[bytes] | None,
    *,
    name: str = "sha256",
    signature_algorithm: str = RSA,
    sid: bytes | None = None,
    signed: bytes | None = None,
    made: bytes | None = None,
    extra: bytes = b"",
) -> bytes:
    """A SignerInfo; ``attributes`` None: without signed attributes.

    ``signed`` and ``made`` replace what is signed and the signature itself.
    """
    ordered = sorted(attributes) if attributes is not None else None
    if signed is None:
        signed = content if ordered is None else der.encode(der.SET, *ordered)
    return der.sequence(
        der.integer(1),
        issuer_and_serial(as_der(who.certificate)) if sid is None else sid,
        der.algorithm(DIGESTS[name][0]),
        b"" if ordered is None else der.encode(der.explicit(0), *ordered),
        der.algorithm(signature_algorithm),
        der.octets(signature(who.key, signed, name) if made is None else made),
        extra,
    )


def message(
    content: bytes | None,
    infos: list[bytes],
    certificates: list[x509.Certificate] | list[bytes],
    *,
    name: str = "sha256",
    outer: str = SIGNED_DATA,
    inner: str = DATA,
    wrapped: bytes | None = None,
    extra: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A SignedData in a ContentInfo. ``wrapped`` replaces the eContent, ``extra`` and ``after`` are fields too many."""
    if wrapped is None:
        wrapped = b"" if content is None else der.encode(der.explicit(0), der.octets(content))
    bag = [one if isinstance(one, bytes) else as_der(one) for one in certificates]
    body = der.sequence(
        der.integer(1),
        der.set_of([der.algorithm(DIGESTS[name][0])]),
        der.sequence(der.oid(inner), wrapped),
        der.encode(der.explicit(0), *bag) if bag else b"",
        der.set_of(infos),
        extra,
    )
    return der.sequence(der.oid(outer), der.encode(der.explicit(0), body), after)


def signed(
    who: AnySigner,
    content: bytes = PLIST,
    *,
    name: str = "sha256",
    bare: bool = False,
    detached: bool = False,
    signature_algorithm: str = RSA,
) -> bytes:
    """A correct message; ``bare``: without signed attributes."""
    attributes = None if bare else standard(content, name)
    info = signer_info(who, content, attributes, name=name, signature_algorithm=signature_algorithm)
    return message(None if detached else content, [info], [who.certificate], name=name)


def indefinite(value: bytes) -> bytes:
    """The same DER value in BER as streaming senders write it: indefinite lengths, octet strings in pieces."""
    fields = der.values(value)
    written = b""
    for field in fields:
        if field.tag == der.OCTET_STRING and len(field.content) > 1:
            half = len(field.content) // 2
            pieces = der.octets(field.content[:half]) + der.octets(field.content[half:])
            written += bytes((0x24, 0x80)) + pieces + b"\0\0"
        elif field.tag & 0x20:
            written += bytes((field.tag, 0x80)) + indefinite(field.content) + b"\0\0"
        else:
            written += field.raw
    return written
