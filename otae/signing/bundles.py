"""Reading certificates from files: PEM with any text around it, DER or PKCS#7. An unreadable one hides no other."""

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from otae.errors import MessageUnreadable, TooLarge
from otae.signing.certificates import UNREADABLE, read_names
from otae.signing.cms import SIGNED_DATA
from otae.signing.der import INTEGER, SEQUENCE, SET, Fields, explicit, to_der, values

#: Most certificates in one file: more than any system trusts.
MAX_CERTIFICATES: Final = 1000
_BLOCK: Final = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE|PKCS7|CMS)-----(.*?)-----END \1-----", re.DOTALL
)
NO_CERTIFICATE: Final = "no certificate in this file: give PEM, DER or PKCS#7"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The certificates of a file, in order; ``unreadable``: for each one left out, what is wrong with it."""

    certificates: tuple[x509.Certificate, ...]
    unreadable: tuple[str, ...]


def read_bundle(data: bytes) -> Bundle:
    """Return the certificates of PEM (in UTF-8 or UTF-16 text), DER or PKCS#7.

    Raises MessageUnreadable when the file holds no readable certificate, or more than MAX_CERTIFICATES.
    """
    data = to_utf8(data)
    certificates: list[x509.Certificate] = []
    unreadable: list[str] = []
    for number, each in enumerate(_certificates(data), 1):
        if number > MAX_CERTIFICATES:
            raise MessageUnreadable(f"a file may hold {MAX_CERTIFICATES} certificates")
        try:
            certificates.append(_load(each))
        except UNREADABLE as error:
            unreadable.append(f"certificate {number} of the file cannot be read: {_words(error)}")
    if not certificates:
        raise MessageUnreadable("; ".join(unreadable[:3]) or NO_CERTIFICATE)
    return Bundle(tuple(certificates), tuple(unreadable))


def to_utf8(data: bytes) -> bytes:
    """Return ``data`` without byte order mark, and converted to UTF-8 if it is UTF-16, which some editors save."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(codecs.BOM_UTF8)


def _certificates(data: bytes) -> Iterator[bytes]:
    blocks = 0
    for block in _BLOCK.finditer(data):
        blocks += 1
        try:
            der = base64.b64decode(b"".join(block[2].split()), validate=True)
        except binascii.Error:
            yield b""
            continue
        if block[1] in {b"PKCS7", b"CMS"}:
            yield from _of_pkcs7(der)
        else:
            yield _first(der) if block[1].startswith(b"TRUSTED") else der
    if not blocks and data[:1] == b"\x30":
        yield from _of_pkcs7(data) or [data]


def _of_pkcs7(data: bytes) -> list[bytes]:
    """Return the certificates of a SignedData (RFC 5652 §5.1), DER or (from Windows) BER; none for anything else."""
    try:
        content = Fields.of(to_der(data, max_bytes=len(data) + 1))
        if content.oid() != SIGNED_DATA:
            return []
        signed = content.inner(explicit(0)).inner()
        for tag in (INTEGER, SET, SEQUENCE):
            signed.take(tag)
        bag = signed.maybe(explicit(0))
        return [each.raw for each in values(bag.content) if each.tag == SEQUENCE] if bag else []
    except (MessageUnreadable, TooLarge):
        return []


def _first(der: bytes) -> bytes:
    """Return the certificate of an OpenSSL TRUSTED CERTIFICATE, without the trust settings that follow it."""
    try:
        return Fields(der).take(SEQUENCE).raw
    except MessageUnreadable:
        return der


def _load(data: bytes) -> x509.Certificate:
    """Load a certificate and read its names, dates and key once, since ``cryptography`` parses them on access."""
    certificate = x509.load_der_x509_certificate(data)
    read_names(certificate)
    certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.public_key()
    return certificate


def _words(error: BaseException) -> str:
    if isinstance(error, x509.InvalidVersion):
        return f"its version is {error.parsed_version + 1}, and there are 1 to 3"
    return "it is damaged, or not made as the standard (RFC 5280) has it"
