"""Subjects and lifetimes of our own certificates. ``signing.issuing`` builds them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority.issuers import BACKDATED, truncated
from otae.signing.certificates import Keyed, name
from otae.signing.issuing import build_device_ca, build_profile_signer, build_ra, build_root, build_service_ca

_YEAR: Final = timedelta(days=365)
_ROOT_LIFE, _DEVICE_CA_LIFE, _SERVICE_CA_LIFE, _RA_LIFE, _SIGNER_LIFE = (years * _YEAR for years in (10, 5, 5, 2, 5))


def organization_of(certificate: x509.Certificate) -> str:
    """Return the organization in the subject of one of our CAs; certificates below it have the same."""
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)[0].value)


def make_root(key: rsa.RSAPrivateKey, organization: str, now: datetime) -> Keyed:
    """Return a new root, valid for ten years. ``organization`` is truncated to fit a subject."""
    begin = now - BACKDATED
    return build_root(key, _subject(organization, "Root CA"), not_before=begin, not_after=begin + _ROOT_LIFE)


def make_device_ca(key: rsa.RSAPrivateKey, root: Keyed, now: datetime, *, number: int = 1) -> Keyed:
    """Return a new device CA, valid for five years.

    Args:
        number: 1 for the first device CA of the installation, 2 for the second …; part of the subject, which must be
            unique: CRLs and certificate requests name a CA by its subject (RFC 5280 §5.1.2.3).
    """
    begin, what = now - BACKDATED, "Device CA" if number == 1 else f"Device CA {number}"
    subject = _subject(organization_of(root.certificate), what)
    return build_device_ca(key, subject, root, not_before=begin, not_after=begin + _DEVICE_CA_LIFE)


def make_service_ca(
    key: rsa.RSAPrivateKey, root: Keyed, now: datetime, *, dns_names: Sequence[str], addresses: Sequence[str]
) -> Keyed:
    """Return a new service CA, valid for five years, limited to these names and addresses by name constraints."""
    begin = now - BACKDATED
    return build_service_ca(
        key,
        _subject(organization_of(root.certificate), "Service CA"),
        root,
        dns_names=dns_names,
        addresses=addresses,
        not_before=begin,
        not_after=begin + _SERVICE_CA_LIFE,
    )


def make_ra(key: rsa.RSAPrivateKey, device_ca: Keyed, now: datetime) -> Keyed:
    """Return a new registration authority, valid for two years, but no longer than its issuer."""
    begin, subject = now - BACKDATED, _subject(organization_of(device_ca.certificate), "Registration")
    return build_ra(key, subject, device_ca, not_before=_begin(begin, device_ca), not_after=begin + _RA_LIFE)


def make_signer(key: rsa.RSAPrivateKey, device_ca: Keyed, now: datetime) -> Keyed:
    """Return a new profile signer, valid for five years, but no longer than its issuer."""
    begin, subject = now - BACKDATED, _subject(organization_of(device_ca.certificate), "Profile Signing")
    return build_profile_signer(
        key, subject, device_ca, not_before=_begin(begin, device_ca), not_after=begin + _SIGNER_LIFE
    )


def _begin(begin: datetime, issuer: Keyed) -> datetime:
    """Return ``begin``, or the issuer's begin when that is later: in the first minutes of a new CA."""
    return max(begin, issuer.certificate.not_valid_before_utc)


def _subject(organization: str, what: str) -> x509.Name:
    return name(truncated(organization, f" {what}"), truncated(organization))
