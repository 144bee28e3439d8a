"""Subjects and lifetimes of our own certificates. ``signing.issuing`` builds them."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority.issuers import BACKDATED, truncated
from otae.authority.serving import served_names
from otae.settings import Settings
from otae.signing.certificates import Keyed, name
from otae.signing.issuing import (
    Validity,
    build_device_ca,
    build_profile_signer,
    build_ra,
    build_root,
    build_service_ca,
)


def make_root(key: rsa.RSAPrivateKey, organization: str, now: datetime) -> Keyed:
    """Return a new root, valid for ten years. ``organization`` is truncated to fit a subject."""
    return build_root(key, _subject(organization, "Root CA"), **_validity(10, now))


def make_device_ca(key: rsa.RSAPrivateKey, root: Keyed, now: datetime, *, number: int = 1) -> Keyed:
    """Return a new device CA, valid for five years.

    Args:
        number: 1 for the first device CA of the installation, 2 for the second …; part of the subject, which must be
            unique: CRLs and certificate requests name a CA by its subject (RFC 5280 §5.1.2.3).
    """
    what = "Device CA" if number == 1 else f"Device CA {number}"
    return build_device_ca(key, _subject(_organization(root), what), root, **_validity(5, now))


def make_service_ca(key: rsa.RSAPrivateKey, root: Keyed, settings: Settings, now: datetime) -> Keyed:
    """Return a new service CA, valid for five years, limited to the names of ``settings`` by name constraints."""
    subject = _subject(_organization(root), "Service CA")
    return build_service_ca(key, subject, root, **served_names(settings), **_validity(5, now))


def make_ra(key: rsa.RSAPrivateKey, device_ca: Keyed, now: datetime) -> Keyed:
    """Return a new registration authority, valid for two years, but no longer than its issuer."""
    subject = _subject(_organization(device_ca), "Registration")
    return build_ra(key, subject, device_ca, **_validity(2, now, device_ca))


def make_signer(key: rsa.RSAPrivateKey, device_ca: Keyed, now: datetime) -> Keyed:
    """Return a new profile signer, valid for five years, but no longer than its issuer."""
    subject = _subject(_organization(device_ca), "Profile Signing")
    return build_profile_signer(key, subject, device_ca, **_validity(5, now, device_ca))


def _validity(years: int, now: datetime, issuer: Keyed | None = None) -> Validity:
    begin = now - BACKDATED
    end = begin + timedelta(days=365 * years)
    # In the first minutes of a new CA, its own begin is the later one.
    return Validity(not_before=max(begin, issuer.certificate.not_valid_before_utc) if issuer else begin, not_after=end)


def _organization(ca: Keyed) -> str:
    """Return the organization in the subject of one of our CAs; certificates below it have the same."""
    return str(ca.certificate.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)[0].value)


def _subject(organization: str, what: str) -> x509.Name:
    return name(truncated(organization, f" {what}"), truncated(organization))
