"""What our own certificates look like: whose name they carry and how long they last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority.issuers import BACKDATED, fitted
from otae.signing.certificates import Keyed, name
from otae.signing.issuing import build_device_ca, build_profile_signer, build_ra, build_root, build_service_ca

_YEAR: Final = timedelta(days=365)
_ROOT_LIFE, _DEVICE_CA_LIFE, _SERVICE_CA_LIFE, _RA_LIFE, _SIGNER_LIFE = (years * _YEAR for years in (10, 5, 5, 2, 5))


def organization_of(certificate: x509.Certificate) -> str:
    """Return the organization that one of our own CAs carries: all below it carry the same."""
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)[0].value)


def make_root(key: rsa.RSAPrivateKey, organization: str, now: datetime) -> Keyed:
    """Return a root for ten years. ``organization`` is cut to what a name takes."""
    begin = now - BACKDATED
    return build_root(key, _subject(organization, "Root CA"), not_before=begin, not_after=begin + _ROOT_LIFE)


def make_device_ca(key: rsa.RSAPrivateKey, root: Keyed, now: datetime, *, number: int = 1) -> Keyed:
    """Return a device CA for five years. ``number``: the how manieth it is, for each has a name of its own.

    Lists of revoked certificates and requests for a certificate name a CA by its subject (RFC 5280 §5.1.2.3).
    """
    begin, what = now - BACKDATED, "Device CA" if number == 1 else f"Device CA {number}"
    subject = _subject(organization_of(root.certificate), what)
    return build_device_ca(key, subject, root, not_before=begin, not_after=begin + _DEVICE_CA_LIFE)


def make_service_ca(
    key: rsa.RSAPrivateKey, root: Keyed, now: datetime, *, dns_names: Sequence[str], addresses: Sequence[str]
) -> Keyed:
    """Return a service CA for five years that can issue for these names and addresses alone."""
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
    """Return a registration authority for two years, with its issuer's end at the latest."""
    begin, subject = now - BACKDATED, _subject(organization_of(device_ca.certificate), "Registration")
    return build_ra(key, subject, device_ca, not_before=_begin(begin, device_ca), not_after=begin + _RA_LIFE)


def make_signer(key: rsa.RSAPrivateKey, device_ca: Keyed, now: datetime) -> Keyed:
    """Return a profile signer for five years, with its issuer's end at the latest."""
    begin, subject = now - BACKDATED, _subject(organization_of(device_ca.certificate), "Profile Signing")
    return build_profile_signer(
        key, subject, device_ca, not_before=_begin(begin, device_ca), not_after=begin + _SIGNER_LIFE
    )


def _begin(begin: datetime, issuer: Keyed) -> datetime:
    """Nothing begins before its issuer does, which counts in the first minutes of a new CA."""
    return max(begin, issuer.certificate.not_valid_before_utc)


def _subject(organization: str, what: str) -> x509.Name:
    return name(fitted(organization, f" {what}"), fitted(organization))
