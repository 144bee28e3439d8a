"""Certificates that ``cryptography`` does not read, as other tools and old authorities made them."""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding


def certificate(key: rsa.RSAPrivateKey, name: str = "a@bc") -> x509.Certificate:
    """Make a self-signed authority called ``name``."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )


def version_4(key: rsa.RSAPrivateKey) -> bytes:
    """Make one that says it is of version 4, as DER."""
    whole = certificate(key).public_bytes(Encoding.DER)
    return whole.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1)


def odd_name(key: rsa.RSAPrivateKey) -> bytes:
    """Make one with an @ in a PrintableString, which has no such character, as DER."""
    return certificate(key).public_bytes(Encoding.DER).replace(b"\x0c\x04a@bc", b"\x13\x04a@bc")
