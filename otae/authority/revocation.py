"""Revoking identities, and checking that one is valid. Checks read the row: every process sees a revocation at once."""

from datetime import datetime, timedelta
from typing import Literal, get_args

from otae.authority.issuers import IDENTITIES
from otae.errors import CertificateRevoked, InputRefused, SignerUntrusted
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Certificate, EnrollmentSession
from otae.translatable import N_

#: Reasons of a revocation, in the words of RFC 5280 §5.3.1.
Reason = Literal[
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
]
REASONS: tuple[str, ...] = get_args(Reason)


async def revoke(certificate: Certificate, reason: Reason, *, now: datetime, actor: str) -> None:
    """Revoke a reserved or issued identity and update ``certificate``; audited.

    An identity that is revoked already keeps its time and reason. Raises InputRefused for an unknown reason, and for
    one of the installation's own certificates, which are replaced instead.
    """
    if reason not in REASONS:
        raise InputRefused({"reason": N_("use %(reasons)s", reasons=", ".join(REASONS))})
    if certificate.purpose not in IDENTITIES:
        raise InputRefused({"": N_("this is one of the installation's own certificates: it is replaced, not revoked")})
    async with transaction():
        changed = await Certificate.filter(id=certificate.id, revoked_at__isnull=True).update(
            state="revoked", revoked_at=now, revocation_reason=reason
        )
        if changed:
            subject = certificate.sha256 or certificate.serial_number
            session = await EnrollmentSession.get_or_none(id=certificate.session_id) if certificate.session_id else None
            detail = f"{reason}, {session.person_id}" if session else reason
            await audit.record(actor, "certificate.revoked", now=now, subject=subject, detail=detail)
    await certificate.refresh_from_db()


async def check_valid(sha256: str, *, now: datetime, grace_days: int = 0) -> Certificate:
    """Return the identity with this fingerprint if it is valid now; purpose and owner are for the caller to check.

    Args:
        grace_days: accept it for this many days past its end.

    Raises:
        SignerUntrusted: no such identity was issued here.
        CertificateRevoked: it was revoked, has ended or is not valid yet.
    """
    return check_row(await Certificate.get_or_none(sha256=sha256), now=now, grace_days=grace_days)


def check_row(row: Certificate | None, *, now: datetime, grace_days: int = 0) -> Certificate:
    """Return ``row`` if it is an identity that is valid now; None stands for no row. Raises as ``check_valid``."""
    if row is None or row.purpose not in IDENTITIES:
        raise SignerUntrusted("the certificate was not issued here")
    if row.state != "issued":
        raise CertificateRevoked(f"certificate {row.serial_number} was revoked ({row.revocation_reason})")
    if not row.not_before <= now <= row.not_after + timedelta(days=grace_days):
        raise CertificateRevoked(f"certificate {row.serial_number} is valid until {row.not_after:%Y-%m-%d} only")
    return row
