"""SCEP queries for existing certificates and CRLs: GetCertInitial, GetCert and GetCRL. Nothing is issued here.

A CRL is public. A certificate goes only to whoever holds its key, or to the Mac it belongs to: everybody can read the
serial numbers of revoked ones in the CRL, but a certificate contains a Mac's serial number.
"""

from datetime import datetime

from otae.authority import crl, revocation
from otae.authority.issuers import IDENTITIES
from otae.enrollment.issuance_policy import PURPOSES, key_hash_of
from otae.enrollment.support import RefusalContext
from otae.errors import AuthorityUnknown, CertificateUnknown, Refusal
from otae.signing.certificates import fingerprint, load_certificate
from otae.signing.scep import PKIMessage
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge, EnrollmentSession

_AUTHORITIES = ("device-ca", "root", "service-ca")


async def poll(request: PKIMessage, context: RefusalContext) -> Certificate:
    """Return the certificate for GetCertInitial, by transactionID and signer. Raises CertificateUnknown."""
    challenge = await Challenge.filter(
        transaction_id=request.transaction_id,
        signer_hash=key_hash_of(request.signer.public_key()),
        purpose__in=PURPOSES,
    ).first()
    if challenge is None:
        raise CertificateUnknown("no certificate was issued to this transactionID and signer")
    context.session = await EnrollmentSession.get(id=challenge.session_id)
    row = await Certificate.get_or_none(id=challenge.certificate_id, state="issued")
    if row is None:
        raise CertificateUnknown("the certificate was revoked, or never signed")
    return row


async def certificate(request: PKIMessage, context: RefusalContext, *, now: datetime) -> Certificate:
    """Return the identity named by GetCert, also a revoked one (RFC 8894 §4.5). Raises CertificateUnknown."""
    if request.named is None:
        raise CertificateUnknown("the message names no certificate")
    serial = f"{request.named.serial:x}"
    for issuer in await _named(request.named.issuer):
        row = await Certificate.get_or_none(issuer_id=issuer.id, serial_number=serial, purpose__in=IDENTITIES)
        if row is not None and row.der is not None:
            await _check_may_have(request, row, row.der, now)
            context.session = await EnrollmentSession.get_or_none(id=row.session_id)
            return row
    raise CertificateUnknown("no such certificate was issued here")


async def _check_may_have(request: PKIMessage, row: Certificate, der: bytes, now: datetime) -> None:
    if load_certificate(der).public_key() == request.signer.public_key():
        return
    grace_days = await properties.number("identity.grace.days")
    try:
        asking = await revocation.check_valid(fingerprint(request.signer), now=now, grace_days=grace_days)
    except Refusal as refusal:
        raise CertificateUnknown("asked for by a stranger") from refusal
    if asking.session_id != row.session_id:
        raise CertificateUnknown("asked for by another Mac")


async def revocation_list(desk: Desk, request: PKIMessage, *, now: datetime) -> bytes:
    """Return the CRL (DER) of the authority that issued the certificate named by GetCRL (RFC 8894 §4.6).

    Two authorities may share a name; the one that issued the certificate counts, else the newest.

    Raises:
        AuthorityUnknown: No authority here has that name.
        NotReady: Its key is not on this server.
    """
    if request.named is None:
        raise AuthorityUnknown("the message names no certificate")
    named = await _named(request.named.issuer)
    serial = f"{request.named.serial:x}"
    for issuer in named:
        if await Certificate.exists(issuer_id=issuer.id, serial_number=serial):
            return await crl.crl(desk, str(issuer.id), now=now)
    if not named:
        raise AuthorityUnknown
    return await crl.crl(desk, str(named[0].id), now=now)


async def _named(subject: bytes) -> list[Certificate]:
    """Return the authorities of this installation with this name (DER), newest first."""
    rows = await Certificate.filter(purpose__in=_AUTHORITIES).order_by("-created_at")
    return [row for row in rows if row.der and load_certificate(row.der).subject.public_bytes() == subject]
