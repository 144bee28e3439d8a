"""What the envelopes of GetCertInitial, GetCert and GetCRL hold (RFC 8894 §3.3.3 to §3.3.5), read strictly."""

from dataclasses import dataclass
from typing import Final

from otae.errors import RequestUnreadable, Unreadable
from otae.signing.der import INTEGER, SEQUENCE, SET, Fields, to_der, values

_MAX_SERIAL: Final = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """The certificate that GetCert or GetCRL names: the DER of its issuer's name, and its serial number."""

    issuer: bytes
    serial: int


def check_issuer_and_subject(data: bytes) -> None:
    """That the messageData of a GetCertInitial is what RFC 8894 §3.3.3 says. Raises RequestUnreadable."""
    try:
        fields = Fields.of(to_der(data))
        _name(fields)
        _name(fields)
        fields.end()
    except Unreadable as error:
        raise RequestUnreadable(error.detail) from error


def issuer_and_serial(data: bytes) -> Wanted:
    """The messageData of a GetCert or GetCRL (RFC 8894 §3.3.4, §3.3.5). Raises RequestUnreadable."""
    try:
        fields = Fields.of(to_der(data))
        issuer, serial = _name(fields), fields.take(INTEGER).content
        fields.end()
    except Unreadable as error:
        raise RequestUnreadable(error.detail) from error
    if not 1 <= len(serial) <= _MAX_SERIAL or serial[0] & 0x80:
        raise RequestUnreadable("a serial number that is none")
    return Wanted(issuer, int.from_bytes(serial))


def _name(fields: Fields) -> bytes:
    """The next field, a Name (RFC 5280 §4.1.2.4): a sequence of sets."""
    value = fields.take(SEQUENCE)
    if any(part.tag != SET for part in values(value.content)):
        raise RequestUnreadable("a name that is none")
    return value.raw
