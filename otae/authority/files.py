"""Reading uploaded files of certificates and keys: PEM, DER, PKCS#7 or PKCS#12, the key inside or in a second file."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from otae.errors import InputRefused, MessageUnreadable
from otae.signing import bundles
from otae.signing.certificates import UNREADABLE, read_names
from otae.translatable import N_, joined

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
#: A passphrase longer than this is a mistake.
_MAX_PASSWORD: Final = 1024


@dataclass(frozen=True, slots=True)
class FileContents:
    """The certificates of uploaded files, in their order, and the key; nothing is checked but that they can be read."""

    certificates: list[x509.Certificate]
    key: PrivateKey | None = field(repr=False)
    #: For each unreadable certificate, what is wrong with it.
    left_out: tuple[str, ...] = ()

    @property
    def no_certificate(self) -> str:
        """The text of the refusal when no certificate matches the key."""
        return joined((N_("the key belongs to another certificate"), *self.left_out[:3]))

    def matching_certificate(self) -> x509.Certificate | None:
        """Return the certificate that belongs to the key, None if none does; without a key the first certificate.

        Raises one of `UNREADABLE`.
        """
        own = self.key.public_key() if self.key else None
        return next((found for found in self.certificates if own is None or found.public_key() == own), None)


def read(data: bytes, key_data: bytes | None, password: str | None) -> FileContents:
    """Read an uploaded certificate file, and perhaps a key file.

    It may take long: the file decides how far its password is stretched. Call it in a thread.

    Args:
        data: PEM, DER, PKCS#7 or PKCS#12.
        key_data: PEM or DER of the private key, when it is not in ``data``.
        password: of either file.

    Raises:
        InputRefused: fields "file", "key", "password".
    """
    secret = password.encode() if password else None
    if secret is not None and len(secret) > _MAX_PASSWORD:
        raise InputRefused({"password": N_("use at most %(max_password)s bytes", max_password=_MAX_PASSWORD)})
    data = bundles.to_utf8(data)
    contents = _certificates(data, secret)
    key_source = data if key_data is None and b"PRIVATE KEY" in data else key_data
    return contents if key_source is None else replace(contents, key=read_key(key_source, secret))


def check_dates(certificate: x509.Certificate, now: datetime) -> None:
    """Check that a certificate is valid at ``now``. Raises InputRefused (field "file")."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end <= now:
        raise InputRefused({"file": N_("the certificate ended on %(day)s", day=end.date())})
    if begin > now:
        raise InputRefused({"file": N_("the certificate is not valid before %(day)s", day=begin.date())})


def read_key(data: bytes, password: bytes | None) -> PrivateKey:
    """Return the RSA or elliptic-curve key of a PEM or DER file. Raises InputRefused (fields "key", "password")."""
    data = bundles.to_utf8(data)
    block = _PRIVATE_KEY.search(data)
    try:
        key = (
            serialization.load_pem_private_key(block.group(), password)
            if block
            else serialization.load_der_private_key(data, password)
        )
    except TypeError:
        words = (
            N_("the key is not encrypted: leave the password empty")
            if password
            else N_("the key is encrypted: give its password")
        )
        raise InputRefused({"password": words}) from None
    except (ValueError, UnsupportedAlgorithm):
        if block and password:
            raise InputRefused({"password": N_("the password does not open the key")}) from None
        raise InputRefused({"key": N_("not a private key: give PEM or DER")}) from None
    return _usable(key)


def _certificates(data: bytes, password: bytes | None) -> FileContents:
    try:
        bundle = bundles.read_bundle(data)
    except MessageUnreadable as error:
        nothing = N_("not a certificate: give PEM, DER, PKCS#7 or PKCS#12")
        return _pkcs12(data, password, nothing if error.detail == bundles.NO_CERTIFICATE else error.detail)
    return FileContents([*bundle.certificates], None, bundle.unreadable)


def _pkcs12(data: bytes, password: bytes | None, otherwise: str) -> FileContents:
    """Return the contents of a PKCS#12 file; ``otherwise``: text of the refusal when it is none."""
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, password)
    except UNREADABLE as error:
        if "password" in str(error).lower():
            raise InputRefused({"password": N_("the password does not open the file")}) from None
        raise InputRefused({"file": otherwise}) from None
    certificates = [certificate, *others] if certificate else others
    try:
        for each in certificates:
            read_names(each)
    except UNREADABLE:
        raise InputRefused({"file": N_("a certificate in the file is damaged")}) from None
    return FileContents(certificates, None if key is None else _usable(key))


def _usable(key: object) -> PrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InputRefused({"key": N_("neither an RSA nor an elliptic-curve key")})
    return key
