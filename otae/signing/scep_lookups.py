"""Reads the messageData of GetCertInitial, GetCert and GetCRL (RFC 8894 §3.3.3 to §3.3.5)."""

from dataclasses import dataclass
from typing import Final

from otae.errors import RequestUnreadable, Unreadable
from otae.signing.der import INTEGER, SEQUENCE, SET, Fields, to_der, values

_MAX_SERIAL: Final = 20


@dataclass(frozen=True, slots=True)
class IssuerAndSerial:
    """The certificate that GetCert or GetCRL names: its issuer's Name as DER, and its serial number."""

    issuer: bytes
    serial: int


def check_issuer_and_subject(data: bytes) -> None:
    """Check the messageData of a GetCertInitial (RFC 8894 §3.3.3). Raises RequestUnreadable."""
    try:
        fields = Fields.of(to_der(data))
        _name(fields)
        _name(fields)
        fields.end()
    except Unreadable as error:
        raise RequestUnreadable(error.detail) from error


def issuer_and_serial(data: bytes) -> IssuerAndSerial:
    """Read the messageData of a GetCert or GetCRL (RFC 8894 §3.3.4, §3.3.5). Raises RequestUnreadable."""
    try:
        fields = Fields.of(to_der(data))
        issuer, serial = _name(fields), fields.take(INTEGER).content
        fields.end()
    except Unreadable as error:
        raise RequestUnreadable(error.detail) from error
    if not 1 <= len(serial) <= _MAX_SERIAL or serial[0] & 0x80:
        raise RequestUnreadable("a serial number that is none")
    return IssuerAndSerial(issuer, int.from_bytes(serial))


def _name(fields: Fields) -> bytes:
    """Return the next field, a Name (RFC 5280 §4.1.2.4), as DER. Raises RequestUnreadable."""
    value = fields.take(SEQUENCE)
    if any(part.tag != SET for part in values(value.content)):
        raise RequestUnreadable("a name that is none")
    return value.raw
