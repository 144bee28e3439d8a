"""Loading, encoding, naming and checking certificates and keys. ``issuing`` makes certificates."""

import secrets
import warnings
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from otae.errors import MessageUnreadable, SignerUntrusted
from otae.signing.der import INTEGER, SEQUENCE, Fields, explicit, sequence

KEY_BITS: Final = 2048
_MAX_NAME: Final = 64
#: Exceptions of ``cryptography`` for a certificate that it cannot read; UserWarning where warnings are errors.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    AssertionError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UserWarning,
)

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Keyed:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def load(cls, certificate_der: bytes, key_pkcs8: bytes) -> Self:
        """Load DER and unencrypted PKCS#8 DER. Raises MessageUnreadable, also when the two do not match."""
        certificate, key = load_certificate(certificate_der), load_key(key_pkcs8)
        if certificate.public_key() != key.public_key():
            raise MessageUnreadable("the key belongs to another certificate")
        return cls(certificate, key)


def load_certificate(data: bytes) -> x509.Certificate:
    """Load one certificate from DER. Raises MessageUnreadable.

    Names and extensions are parsed later, and those of a hostile certificate make ``cryptography`` raise many kinds of
    exceptions: read them through :func:`extension`, :func:`names` and :func:`subject_text`.
    """
    try:
        return x509.load_der_x509_certificate(data)
    except UNREADABLE as error:
        raise MessageUnreadable("not a certificate") from error


def load_key(pkcs8: bytes) -> rsa.RSAPrivateKey:
    """Load an RSA private key from unencrypted PKCS#8 DER, as the vault gave it back. Raises MessageUnreadable.

    Whether the numbers in it form a key is not checked, which would take 30 ms: the seal proves that it is the key that
    was sealed.
    """
    try:
        key = serialization.load_der_private_key(pkcs8, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MessageUnreadable("not a private key") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise MessageUnreadable("not an RSA key")
    return key


def dump_key(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key as unencrypted PKCS#8 DER, to be sealed by the vault."""
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)


def der(certificate: x509.Certificate) -> bytes:
    """Return the certificate as DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(*certificates: x509.Certificate) -> bytes:
    """Return the certificates as PEM, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 over the DER (64 lower-case hex digits), which identifies a certificate in this product."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def issuer_and_serial(certificate_der: bytes) -> bytes:
    """Return a certificate's IssuerAndSerialNumber (RFC 5652 §10.2.4) as DER. Raises MessageUnreadable."""
    certificate = Fields(certificate_der).inner().inner()
    certificate.maybe(explicit(0))
    serial = certificate.take(INTEGER)
    certificate.take(SEQUENCE)
    return sequence(certificate.take(SEQUENCE).raw, serial.raw)


def names(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """Return the issuer's and the subject's Name as DER, byte for byte. Raises MessageUnreadable."""
    fields = Fields(der(certificate)).inner().inner()
    fields.maybe(explicit(0))
    fields.take(INTEGER)
    fields.take(SEQUENCE)
    issuer = fields.take(SEQUENCE).raw
    fields.take(SEQUENCE)
    return issuer, fields.take(SEQUENCE).raw


def read_names(certificate: x509.Certificate) -> None:
    """Parse a certificate's subject and issuer, which ``cryptography`` does on first access; raises one of UNREADABLE.

    A country of three letters (C=USA), as private authorities write it, is read without the library's warning.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name in (certificate.subject, certificate.issuer):
            name.rfc4514_string()


def new_key() -> rsa.RSAPrivateKey:
    """Return a new RSA key of 2048 bits; takes up to a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def new_serial() -> int:
    """Return a serial number of 128 random bits, never 0 (RFC 5280 §4.1.2.2 allows 20 octets)."""
    return secrets.randbits(128) or 1


def check_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Verify that ``issuer`` is a CA, signed ``certificate`` and is named in it; dates and revocation are not checked.

    Raises:
        SignerUntrusted: ``issuer`` did not issue it, or is no CA.
        MessageUnreadable: the issuer's extensions cannot be read.
    """
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE) as error:
        raise SignerUntrusted("issued by somebody else") from error
    if not is_authority(issuer):
        raise SignerUntrusted("the issuer is no certificate authority")


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """Return the extension of a type, None without one. Raises MessageUnreadable."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except UNREADABLE as error:
        raise MessageUnreadable("the extensions of a certificate cannot be read") from error


def subject_text(name_der: bytes) -> str:
    """Return a Name (DER) as RFC 4514 text, for the log only; "" when it cannot be read."""
    try:
        return x509.Name.from_bytes(name_der).rfc4514_string()
    except UNREADABLE:
        return ""


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether basicConstraints make the certificate a CA. Raises MessageUnreadable."""
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def name(common_name: str, organization: str, serial_number: str | None = None) -> x509.Name:
    """Return a Name of O, CN and perhaps serialNumber (OID 2.5.4.5).

    Raises ValueError unless each part has 1 to 64 characters (RFC 5280 A.1).
    """
    if any(part is not None and not 1 <= len(part) <= _MAX_NAME for part in (common_name, organization, serial_number)):
        raise ValueError("a part of a name has 1 to 64 characters")
    attributes = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
    ]
    if serial_number is not None:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial_number))
    return x509.Name(attributes)
