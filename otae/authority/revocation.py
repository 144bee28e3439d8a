"""Taking identities back. The row is the truth: every process that asks sees a revocation at its next question."""

from datetime import datetime, timedelta
from typing import Literal, get_args

from otae.authority.issuers import IDENTITIES
from otae.errors import CertificateRevoked, InputRefused, SignerUntrusted
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Certificate, EnrollmentSession

#: Why an identity is taken back, in the words of RFC 5280 §5.3.1.
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
    """Revoke an identity, reserved or issued, and audit it; one that is revoked keeps its first time and reason.

    ``certificate`` is brought up to date. Raises InputRefused for another reason, and for our own certificates, which
    are replaced and not revoked.
    """
    if reason not in REASONS:
        raise InputRefused({"reason": "use " + ", ".join(REASONS)})
    if certificate.purpose not in IDENTITIES:
        raise InputRefused({"": "this is one of the installation's own certificates: it is replaced, not revoked"})
    async with transaction():
        changed = await Certificate.filter(id=certificate.id, revoked_at__isnull=True).update(
            state="revoked", revoked_at=now, revocation_reason=reason
        )
        if changed:
            subject = certificate.sha256 or certificate.serial_number
            whose = await EnrollmentSession.get_or_none(id=certificate.session_id) if certificate.session_id else None
            told = f"{reason}, {whose.person_id}" if whose else reason
            await audit.record(actor, "certificate.revoked", now=now, subject=subject, detail=told)
    await certificate.refresh_from_db()


async def check_alive(sha256: str, *, now: datetime, grace_days: int = 0) -> Certificate:
    """Return the identity with this fingerprint (64 lower-case hex digits), if it may speak now.

    ``grace_days``: how long past its end it still may. What it is for, and for whom, is the caller's question. Raises
    SignerUntrusted when no such identity was issued here, CertificateRevoked when it was revoked, has ended or has not
    begun.
    """
    return check_row(await Certificate.get_or_none(sha256=sha256), now=now, grace_days=grace_days)


def check_row(row: Certificate | None, *, now: datetime, grace_days: int = 0) -> Certificate:
    """As ``check_alive``, of a row that was read just now; None: there is none."""
    if row is None or row.purpose not in IDENTITIES:
        raise SignerUntrusted("the certificate was not issued here")
    if row.state != "issued":
        raise CertificateRevoked(f"certificate {row.serial_number} was revoked ({row.revocation_reason})")
    if not row.not_before <= now <= row.not_after + timedelta(days=grace_days):
        raise CertificateRevoked(f"certificate {row.serial_number} is valid until {row.not_after:%Y-%m-%d} only")
    return row
