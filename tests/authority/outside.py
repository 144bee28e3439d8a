"""Another authority: what an organization brings from somewhere else."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from otae.signing.certificates import Keyed, name, new_serial, pem
from otae.signing.issuing import build_device_ca, build_profile_signer, build_root, build_tls_leaf
from tests.enrollment.lab import key

HOST = "localhost"


@dataclass(frozen=True)
class Outside:
    """A root and an authority below it, valid ten years around ``now``."""

    root: Keyed
    authority: Keyed

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return self.authority.certificate, self.root.certificate

    def signer(self, now: datetime, *, ends: timedelta = timedelta(days=365)) -> Keyed:
        """Give a certificate that signs profiles."""
        return build_profile_signer(
            key("outside signer"),
            name("Example Profiles", "Example"),
            self.authority,
            not_before=now - timedelta(days=400),
            not_after=now + ends,
        )

    def tls(self, now: datetime, *hosts: str, ends: timedelta = timedelta(days=90)) -> Keyed:
        """Give a certificate that serves ``hosts``, ours without any."""
        return build_tls_leaf(
            key("outside tls"),
            self.authority,
            dns_names=hosts or (HOST,),
            not_before=now - timedelta(days=100),
            not_after=now + ends,
        )

    def for_encryption_alone(self, now: datetime) -> Keyed:
        """Give a certificate whose key may not sign."""
        bits: tuple[str, ...] = ("digital_signature", "content_commitment", "data_encipherment", "key_agreement")
        bits += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
        usage = x509.KeyUsage(key_encipherment=True, **dict.fromkeys(bits, False))
        own = key("outside signer")
        builder = (
            x509.CertificateBuilder()
            .subject_name(name("Example Mail", "Example"))
            .issuer_name(self.authority.certificate.subject)
            .public_key(own.public_key())
            .serial_number(new_serial())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=90))
            .add_extension(usage, critical=True)
        )
        return Keyed(builder.sign(self.authority.key, hashes.SHA256()), own)

    def curve_tls(self, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Give one with an elliptic-curve key."""
        own = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(HOST, "Example"))
            .issuer_name(self.authority.certificate.subject)
            .public_key(own.public_key())
            .serial_number(new_serial())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        return builder.sign(self.authority.key, hashes.SHA256()), own


def outside(now: datetime, who: str = "Example") -> Outside:
    """Give an authority that has nothing to do with ours."""
    begin, end = now - timedelta(days=1000), now + timedelta(days=3650)
    root = build_root(key(f"{who} root"), name(f"{who} Root", who), not_before=begin, not_after=end)
    authority = build_device_ca(
        key(f"{who} authority"), name(f"{who} Authority", who), root, not_before=begin, not_after=end
    )
    return Outside(root, authority)


def key_pem(own: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str | None = None) -> bytes:
    """Write a key as PEM."""
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def bundle(keyed: Keyed, *above: x509.Certificate) -> bytes:
    """Write key, certificate and chain as one PEM file."""
    return key_pem(keyed.key) + pem(keyed.certificate, *above)


def as_pkcs12(keyed: Keyed, above: tuple[x509.Certificate, ...], password: str) -> bytes:
    """Write the same as PKCS#12."""
    how = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"upload", keyed.key, keyed.certificate, above, how)
