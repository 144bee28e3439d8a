"""Certificates in files as people have them: PEM with whatever stands around it, DER, PKCS#7; each read by itself."""

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from otae.errors import MessageUnreadable, TooLarge
from otae.signing.certificates import UNREADABLE
from otae.signing.der import INTEGER, SEQUENCE, SET, Fields, explicit, to_der, values

#: Most certificates of one file: more than any system trusts.
MOST: Final = 1000
_BLOCK: Final = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE|PKCS7|CMS)-----(.*?)-----END \1-----", re.DOTALL
)
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_SPACE: Final = re.compile(rb"\s+")
NOTHING: Final = "no certificate in this file: give PEM, DER or PKCS#7"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The certificates of a file, in their order; ``unreadable``: what is wrong with each that is left out."""

    certificates: tuple[x509.Certificate, ...]
    unreadable: tuple[str, ...]


def read_bundle(data: bytes) -> Bundle:
    """Return the certificates of PEM (in text of any encoding), DER or PKCS#7.

    Raises MessageUnreadable for a file without a certificate, and for one of which none can be read.
    """
    data = plain(data)
    found: list[x509.Certificate] = []
    unreadable: list[str] = []
    for number, each in enumerate(_certificates(data), 1):
        if number > MOST:
            raise MessageUnreadable(f"a file may hold {MOST} certificates")
        try:
            found.append(_looked_at(each))
        except UNREADABLE as error:
            unreadable.append(f"certificate {number} of the file cannot be read: {_words(error)}")
    if not found:
        raise MessageUnreadable("; ".join(unreadable[:3]) or NOTHING)
    return Bundle(tuple(found), tuple(unreadable))


def plain(data: bytes) -> bytes:
    """Return a file as bytes of ASCII as far as PEM is concerned: UTF-16, which some editors save, is undone."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(codecs.BOM_UTF8)


def _certificates(data: bytes) -> Iterator[bytes]:
    """Give each certificate of a file as DER, unread."""
    blocks = 0
    for block in _BLOCK.finditer(data):
        blocks += 1
        try:
            der = base64.b64decode(_SPACE.sub(b"", block[2]), validate=True)
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
    """Return the certificates of a SignedData (RFC 5652 §5.1), none for anything else; BER, as Windows writes, too."""
    try:
        content = Fields.of(to_der(data, max_bytes=len(data) + 1))
        if content.oid() != _SIGNED_DATA:
            return []
        signed = content.inner(explicit(0)).inner()
        for tag in (INTEGER, SET, SEQUENCE):
            signed.take(tag)
        bag = signed.maybe(explicit(0))
        return [each.raw for each in values(bag.content) if each.tag == SEQUENCE] if bag else []
    except (MessageUnreadable, TooLarge):
        return []


def _first(der: bytes) -> bytes:
    """Return the certificate before what OpenSSL adds to a trusted one."""
    try:
        return Fields(der).take(SEQUENCE).raw
    except MessageUnreadable:
        return der


def _looked_at(data: bytes) -> x509.Certificate:
    """Return a certificate whose names, dates and key can be read: ``cryptography`` looks at them when asked."""
    found = x509.load_der_x509_certificate(data)
    for name in (found.subject, found.issuer):
        name.rfc4514_string()
    found.not_valid_before_utc, found.not_valid_after_utc, found.public_key()
    return found


def _words(error: BaseException) -> str:
    if isinstance(error, x509.InvalidVersion):
        return f"its version is {error.parsed_version + 1}, and there are 1 to 3"
    return "it is damaged, or not made as the standard (RFC 5280) has it"
