"""Builds the certificates and CRLs of our tree. ``authority.own_certificates`` decides their subjects and lifetimes.

Root → device CA → RA, profile signer and device identities; root → service CA → TLS leaf. Every builder limits
``not_after`` to the issuer's, and signs with SHA-256. Extensions follow RFC 5280 §4.2. Keys are arguments: generating
one takes long, so the caller chooses the thread.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypedDict, Unpack

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from otae.signing.certificates import Keyed, new_serial


def _key_usage(*bits: str) -> x509.KeyUsage:
    unused = ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    used = ("digital_signature", "key_encipherment", "key_cert_sign", "crl_sign")
    return x509.KeyUsage(**{bit: bit in bits for bit in (*unused, *used)})


_SIGNING: Final = _key_usage("digital_signature")
_SIGNING_AND_ENCRYPTION: Final = _key_usage("digital_signature", "key_encipherment")


class Validity(TypedDict):
    """From when to when a certificate is valid (RFC 5280 §4.1.2.5); aware, UTC."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Revoked:
    """One entry of a CRL. ``at``: time of the revocation, aware, UTC."""

    serial: int
    at: datetime
    reason: x509.ReasonFlags | None = None


def build_root(key: rsa.RSAPrivateKey, subject: x509.Name, **validity: Unpack[Validity]) -> Keyed:
    """Return a self-signed root, for one level of CAs below it (path length 1)."""
    builder = _as_authority(_builder(subject, key.public_key(), subject, **validity), path_length=1)
    return Keyed(builder.sign(key, hashes.SHA256()), key)


def build_device_ca(key: rsa.RSAPrivateKey, subject: x509.Name, issuer: Keyed, **validity: Unpack[Validity]) -> Keyed:
    """Return the CA of RA, profile signer and device identities (path length 0)."""
    builder = _as_authority(_below(issuer, subject, key.public_key(), **validity), path_length=0)
    return Keyed(builder.sign(issuer.key, hashes.SHA256()), key)


def build_service_ca(
    key: rsa.RSAPrivateKey,
    subject: x509.Name,
    issuer: Keyed,
    *,
    dns_names: Sequence[str],
    addresses: Sequence[str] = (),
    **validity: Unpack[Validity],
) -> Keyed:
    """Return the CA of TLS certificates, limited by name constraints to these addresses and DNS names with subdomains.

    Without addresses every address is excluded, because a kind of name that is not mentioned would be unconstrained
    (RFC 5280 §4.2.1.10). Raises ValueError without a DNS name.
    """
    if not dns_names:
        raise ValueError("a service CA without a DNS name would be free in all of them")
    permitted: list[x509.GeneralName] = [x509.DNSName(host) for host in dns_names]
    permitted += [x509.IPAddress(ipaddress.ip_network(address)) for address in addresses]
    excluded = None if addresses else [x509.IPAddress(ipaddress.ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
    builder = _as_authority(_below(issuer, subject, key.public_key(), **validity), path_length=0)
    builder = builder.add_extension(x509.NameConstraints(permitted, excluded), critical=True)
    return Keyed(builder.sign(issuer.key, hashes.SHA256()), key)


def build_ra(key: rsa.RSAPrivateKey, subject: x509.Name, issuer: Keyed, **validity: Unpack[Validity]) -> Keyed:
    """Return the registration authority, which opens SCEP envelopes and signs SCEP replies."""
    builder = _as_leaf(_below(issuer, subject, key.public_key(), **validity), _SIGNING_AND_ENCRYPTION)
    return Keyed(builder.sign(issuer.key, hashes.SHA256()), key)


def build_profile_signer(
    key: rsa.RSAPrivateKey, subject: x509.Name, issuer: Keyed, **validity: Unpack[Validity]
) -> Keyed:
    """Return the certificate that signs configuration profiles."""
    builder = _as_leaf(_below(issuer, subject, key.public_key(), **validity), _SIGNING)
    return Keyed(builder.sign(issuer.key, hashes.SHA256()), key)


def build_tls_leaf(
    key: rsa.RSAPrivateKey,
    issuer: Keyed,
    *,
    dns_names: Sequence[str],
    addresses: Sequence[str] = (),
    **validity: Unpack[Validity],
) -> Keyed:
    """Return a TLS server certificate for these names; the caller limits its validity to the 397 days that Macs accept.

    The subject is empty, and subjectAltName therefore critical (RFC 5280 §4.1.2.6).
    """
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    builder = _below(issuer, x509.Name([]), key.public_key(), **validity)
    builder = _as_leaf(builder, _SIGNING_AND_ENCRYPTION, ExtendedKeyUsageOID.SERVER_AUTH)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return Keyed(builder.sign(issuer.key, hashes.SHA256()), key)


def build_identity(
    public_key: rsa.RSAPublicKey,
    subject: x509.Name,
    issuer: Keyed,
    *,
    serial: int,
    crl_url: str | None = None,
    **validity: Unpack[Validity],
) -> x509.Certificate:
    """Return a device identity for the public key of a certification request; subject and serial number are ours.

    keyEncipherment allows profiles to be encrypted to the device. The CRL distribution point is ``crl_url``.
    """
    builder = _below(issuer, subject, public_key, serial, **validity)
    builder = _as_leaf(builder, _SIGNING_AND_ENCRYPTION, ExtendedKeyUsageOID.CLIENT_AUTH)
    if crl_url is not None:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def build_crl(
    issuer: Keyed, revoked: Sequence[Revoked], *, number: int, this_update: datetime, next_update: datetime
) -> bytes:
    """Return the issuer's CRL (RFC 5280 §5) as DER; ``number`` must increase with every CRL of the issuer."""
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, this_update, next_update)
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    builder = builder.add_extension(_authority_key(issuer.certificate), critical=False)
    for line in revoked:
        entry = x509.RevokedCertificateBuilder(line.serial, line.at)
        if line.reason is not None and line.reason is not x509.ReasonFlags.unspecified:
            entry = entry.add_extension(x509.CRLReason(line.reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def build_scep_signer(key: rsa.RSAPrivateKey, **validity: Unpack[Validity]) -> Keyed:
    """Return the temporary self-signed certificate with which a Mac signs its SCEP request; serial number 1."""
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "MDM SCEP SIGNER"), x509.NameAttribute(NameOID.COUNTRY_NAME, "US")]
    )
    builder = _builder(subject, key.public_key(), subject, 1, **validity)
    builder = builder.add_extension(_SIGNING, critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    return Keyed(builder.sign(key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    public_key: rsa.RSAPublicKey,
    issuer: x509.Name,
    serial: int | None = None,
    **validity: Unpack[Validity],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .issuer_name(issuer)
        .serial_number(new_serial() if serial is None else serial)
        .not_valid_before(validity["not_before"])
        .not_valid_after(validity["not_after"])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _below(
    issuer: Keyed,
    subject: x509.Name,
    public_key: rsa.RSAPublicKey,
    serial: int | None = None,
    **validity: Unpack[Validity],
) -> x509.CertificateBuilder:
    above = issuer.certificate
    validity["not_after"] = min(validity["not_after"], above.not_valid_after_utc)
    return _builder(subject, public_key, above.subject, serial, **validity).add_extension(
        _authority_key(above), critical=False
    )


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return the issuer's subjectKeyIdentifier as authorityKeyIdentifier; copied, since CAs compute it differently."""
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def _as_authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    usage = _key_usage("key_cert_sign", "crl_sign")
    return builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)


def _as_leaf(
    builder: x509.CertificateBuilder, usage: x509.KeyUsage, purpose: x509.ObjectIdentifier | None = None
) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    builder = builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)
    return builder if purpose is None else builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
