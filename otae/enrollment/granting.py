"""Who gets a certificate over SCEP, and what stands in it.

A request is worth what its challenge is worth: the challenge names the session and the purpose, and the subject is
made from the session; nothing else of the request but its key is looked at. The challenge is used and the serial number
reserved in one transaction; the certificate is signed after it.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from otae.authority import issuers, revocation
from otae.authority.issuers import IdentityPurpose
from otae.enrollment import sessions
from otae.enrollment.support import Known
from otae.errors import CertificateMismatch, ChallengeUnknown, SessionClosed, StaleState
from otae.signing.certificates import fingerprint
from otae.signing.scep import MessageType, PKIMessage
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge, Enrollment, EnrollmentSession
from otae.store.records import about, advance, note
from otae.store.states import EnrollmentStatus, SessionStatus

#: How long the same request, sent again, gets the same certificate.
RETRANSMISSION: Final = timedelta(minutes=10)

PURPOSES: Final = (sessions.OTA_IDENTITY, sessions.MDM_IDENTITY, sessions.RENEWAL)


def common_name(session: EnrollmentSession) -> str:
    """Return the CN of every certificate of ``session``."""
    return f"otae {session.id}"


async def check_renewer(signer: x509.Certificate, *, now: datetime) -> Certificate:
    """Return the identity of a Mac that signed a RenewalReq; its envelope need not be opened for anybody else.

    Raises SignerUntrusted, CertificateRevoked (here the grace does not count) or CertificateMismatch.
    """
    identity = await revocation.check_alive(fingerprint(signer), now=now)
    if identity.purpose != sessions.MDM_IDENTITY:
        raise CertificateMismatch(f"a {identity.purpose} certificate renews nothing")
    return identity


async def grant(
    desk: Desk, request: PKIMessage, known: Known, *, now: datetime, renewer: Certificate | None = None
) -> Certificate:
    """Return the certificate for a PKCSReq or RenewalReq: a new one, or for a retransmission the one it got.

    ``renewer``: who signed a RenewalReq; it takes a renewal challenge of its own Mac. A PKCSReq may carry one too: that
    is how Macs renew. Raises ChallengeUnknown, ChallengeUsed, ChallengeExpired, what ``sessions.check_live`` raises,
    SessionClosed for a request out of turn, CertificateRevoked when the Mac has no identity left to renew, and
    CertificateMismatch.
    """
    if request.csr is None or not request.csr.challenge:
        raise ChallengeUnknown("the request carries no challenge")
    is_renewal = request.message_type is MessageType.RENEWAL_REQ
    found = await sessions.find_challenge(request.csr.challenge, (sessions.RENEWAL,) if is_renewal else PURPOSES)
    if found is None:
        raise ChallengeUnknown
    challenge, known.session = found
    if is_renewal and (renewer is None or renewer.session_id != known.session.id):
        raise CertificateMismatch("the renewal challenge of another Mac")
    reserved = await _reserved(request, challenge, now)
    if reserved is None:
        reserved = await _reserve(request, request.csr.challenge, challenge.purpose, now)
    elif challenge.purpose == sessions.RENEWAL:
        await _check_renewable(known.session, now)
    else:
        await sessions.check_live(known.session, now=now)
    fresh = reserved.state == "reserved"
    row = await issuers.sign(desk, reserved, request.csr.public_key)
    await _mark_certified(known.session, row, challenge.purpose, now, fresh=fresh)
    return row


async def _reserved(request: PKIMessage, challenge: Challenge, now: datetime) -> Certificate | None:
    """Return what this very request was promised before, at most ten minutes ago (RFC 8894 §4.3)."""
    same = (challenge.transaction_id, challenge.key_hash) == (request.transaction_id, _requested_key(request))
    if not same or challenge.used_at is None or challenge.used_at <= now - RETRANSMISSION:
        return None
    return await Certificate.get_or_none(id=challenge.certificate_id)


async def _reserve(request: PKIMessage, secret: str, purpose: str, now: datetime) -> Certificate:
    async with transaction():
        challenge, session = await sessions.use_challenge(
            secret,
            purpose,
            now=now,
            transaction_id=request.transaction_id,
            key_hash=_requested_key(request),
            signer_hash=hash_of(request.signer.public_key()),
        )
        if purpose == sessions.RENEWAL:
            await _check_renewable(session, now)
        else:
            await sessions.check_live(session, now=now)
            if session.status != _status_before(purpose):
                raise SessionClosed(f"a certificate for {purpose} while the session is {session.status}")
        kind = sessions.MDM_IDENTITY if purpose == sessions.RENEWAL else purpose
        return await issuers.reserve(
            cast("IdentityPurpose", kind),
            common_name=common_name(session),
            session=session,
            now=now,
            challenge=challenge,
            serial_number=session.serial,
        )


async def _check_renewable(session: EnrollmentSession, now: datetime) -> None:
    """See that the Mac of ``session`` is enrolled by it and has an identity that lives, or ended within the grace."""
    running = Enrollment.filter(session_id=session.id, status=EnrollmentStatus.ENROLLED)
    enrollment = await running.prefetch_related("certificate").first()
    if enrollment is None or session.status != SessionStatus.ENROLLED:
        raise SessionClosed("a renewal without a running enrollment")
    grace_days = await properties.number("identity.grace.days")
    await revocation.check_alive(enrollment.certificate.sha256 or "", now=now, grace_days=grace_days)


def _status_before(purpose: str) -> SessionStatus:
    """Return where a session stands when it asks for its first certificate of ``purpose``."""
    return SessionStatus.IDENTIFIED if purpose == sessions.OTA_IDENTITY else SessionStatus.CONFIGURED


async def _mark_certified(
    session: EnrollmentSession, row: Certificate, purpose: str, now: datetime, *, fresh: bool
) -> None:
    """Record the certificate and move the session on, unless an earlier copy of the request did.

    Over the air the MDM identity moves no state: the session was certified with the first one. A renewal never does.
    """
    moves = purpose == sessions.OTA_IDENTITY or (purpose == sessions.MDM_IDENTITY and session.way == "profile")
    try:
        async with transaction():
            await session.refresh_from_db()
            if session.status != _status_before(purpose) if moves else not fresh:
                return
            await note("certificate.issued", now=now, about=about(session), detail=row.purpose)
            if moves:
                await advance(session, SessionStatus.CERTIFIED, event="session.certified", now=now)
    except StaleState:
        return  # the same request, sent twice, was quicker


def _requested_key(request: PKIMessage) -> str:
    if request.csr is None:
        raise ChallengeUnknown("the message carries no request")
    return hash_of(request.csr.public_key)


def hash_of(key: PublicKeyTypes) -> str:
    """Return the SHA-256 of a public key (SubjectPublicKeyInfo, DER) as hex."""
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest()
