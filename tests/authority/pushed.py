"""Push certificates of our own making, shaped as Apple's."""

import warnings
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from otae.signing.certificates import Keyed

TOPIC = "com.apple.mgmt.External.5d1f7c9a-63e2-4b0f-9a44-0c2b7e8d1f60"
OTHER_TOPIC = "com.apple.mgmt.External.b2c66f0e-7d7b-47d6-8a0e-3f9f5a1e2d43"


def push_certificate(
    key: rsa.RSAPrivateKey,
    *,
    now: datetime,
    uid: str | None = TOPIC,
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=365),
    serial: int = 1,
    country: str = "",
) -> Keyed:
    """Make a certificate that is valid from ``now`` + ``begins`` to ``now`` + ``ends``."""
    attributes = [x509.NameAttribute(x509.NameOID.COMMON_NAME, "APSP:example")]
    if uid is not None:
        attributes.insert(0, x509.NameAttribute(x509.NameOID.USER_ID, uid))
    if country:  # a DER string: the library refuses to make what others have made
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            attributes.append(x509.NameAttribute(x509.NameOID.COUNTRY_NAME, country, _validate=False))
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example Integration CA")])
    builder = x509.CertificateBuilder().subject_name(x509.Name(attributes)).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(serial)
    builder = builder.not_valid_before(now + begins).not_valid_after(now + ends)
    return Keyed(builder.sign(key, hashes.SHA256()), key)


def key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str | None = None) -> bytes:
    """Write the key as PEM, encrypted if there is a password."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _encryption(password))


def as_pkcs12(
    keyed: Keyed, password: str | None = None, *, with_key: bool = True, others: tuple[x509.Certificate, ...] = ()
) -> bytes:
    """Write the certificate as PKCS#12."""
    key = keyed.key if with_key else None
    return pkcs12.serialize_key_and_certificates(b"push", key, keyed.certificate, others, _encryption(password))


def _encryption(password: str | None) -> serialization.KeySerializationEncryption:
    return serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
