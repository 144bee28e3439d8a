"""Decides who gets a certificate over SCEP, and what it contains.

Only the challenge of a request is trusted: it names the session and the purpose, and the subject is made from the
session; of the request itself nothing but the key is used. The challenge is used and the serial number reserved in one
transaction; the certificate is signed after it.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from otae.authority import issuers, revocation
from otae.authority.issuers import IdentityPurpose
from otae.enrollment import sessions
from otae.enrollment.support import RefusalContext
from otae.errors import CertificateMismatch, ChallengeUnknown, SessionClosed, StaleState
from otae.signing.certificates import fingerprint
from otae.signing.scep import MessageType, PKIMessage
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge, Enrollment, EnrollmentSession
from otae.store.records import EventDetail, about, advance, note
from otae.store.states import EnrollmentStatus, SessionStatus

#: How long a retransmitted request gets the same certificate.
RETRANSMISSION: Final = timedelta(minutes=10)

PURPOSES: Final = (sessions.OTA_IDENTITY, sessions.MDM_IDENTITY, sessions.RENEWAL)


def common_name(session: EnrollmentSession) -> str:
    """Return the CN of every certificate of ``session``."""
    return f"otae {session.id}"


async def check_renewer(signer: x509.Certificate, *, now: datetime) -> Certificate:
    """Return the identity that signed a RenewalReq, before its envelope is opened.

    Raises:
        SignerUntrusted: It was not issued here.
        CertificateRevoked: It was revoked or has expired; the grace period does not apply here.
        CertificateMismatch: It is not an MDM identity.
    """
    identity = await revocation.check_valid(fingerprint(signer), now=now)
    if identity.purpose != sessions.MDM_IDENTITY:
        raise CertificateMismatch(f"a {identity.purpose} certificate renews nothing")
    return identity


@dataclass(frozen=True, slots=True)
class IssuanceContext:
    """What granting a request needs besides the request.

    ``device_ca``: the device CA in use. ``property_values``: server properties, with ``issuers.IDENTITY_PROPERTIES``.
    ``renewer``: the identity that signed a RenewalReq.
    """

    device_ca: Certificate
    property_values: Mapping[str, properties.Value]
    renewer: Certificate | None = None


async def grant(
    desk: Desk, request: PKIMessage, context: RefusalContext, inputs: IssuanceContext, *, now: datetime
) -> Certificate:
    """Return the certificate for a PKCSReq or RenewalReq: a new one, or for a retransmission the same as before.

    A RenewalReq needs a renewal challenge of the Mac that signed it. A PKCSReq may carry one too: that is how Macs
    renew.

    Raises:
        ChallengeUnknown, ChallengeUsed, ChallengeExpired: The challenge cannot be used.
        SessionClosed: The session is in another state, or the Mac is not enrolled by it.
        NotAllowed: As `sessions.check_live`.
        CertificateRevoked: The Mac has no identity left to renew.
        CertificateMismatch: The challenge is another Mac's.
    """
    if request.csr is None or not request.csr.challenge:
        raise ChallengeUnknown("the request carries no challenge")
    is_renewal = request.message_type is MessageType.RENEWAL_REQ
    challenge = await sessions.find_challenge(request.csr.challenge, (sessions.RENEWAL,) if is_renewal else PURPOSES)
    if challenge is None:
        raise ChallengeUnknown
    if is_renewal and (inputs.renewer is None or inputs.renewer.session_id != challenge.session_id):
        context.session = await EnrollmentSession.get(id=challenge.session_id)
        raise CertificateMismatch("the renewal challenge of another Mac")
    key = request.csr.public_key
    key_hash = key_hash_of(key)
    row = await _earlier_reservation(request, key_hash, challenge, now)
    if row is None:
        row, session = await _reserve(request, key_hash, challenge, context, inputs, now)
    else:
        session = context.session = await EnrollmentSession.get(id=challenge.session_id)
        if challenge.purpose == sessions.RENEWAL:
            await _check_renewable(session, now)
        else:
            await sessions.check_locked_session(session, now=now)
    made = await issuers.build_reserved(desk, row, key) if row.state == "reserved" else None
    await _store_issued(session, row, made, key, challenge.purpose, now)
    return row


async def _earlier_reservation(
    request: PKIMessage, key_hash: str, challenge: Challenge, now: datetime
) -> Certificate | None:
    """Return the certificate reserved for this very request at most ten minutes ago (RFC 8894 §4.3), else None."""
    if challenge.used_at is None or challenge.used_at <= now - RETRANSMISSION:
        return None
    if (challenge.transaction_id, challenge.key_hash) != (request.transaction_id, key_hash):
        return None
    return await Certificate.get_or_none(id=challenge.certificate_id)


async def _reserve(
    request: PKIMessage,
    key_hash: str,
    challenge: Challenge,
    context: RefusalContext,
    inputs: IssuanceContext,
    now: datetime,
) -> tuple[Certificate, EnrollmentSession]:
    """Use the challenge and reserve the certificate with its serial number, in one transaction."""
    purpose = challenge.purpose
    kind = sessions.MDM_IDENTITY if purpose == sessions.RENEWAL else purpose
    async with transaction():
        session = context.session = await sessions.lock_session(challenge.session_id)
        if challenge.used_at is not None:
            await sessions.refuse_challenge(challenge, now=now)
        row = await issuers.reserve(
            cast("IdentityPurpose", kind),
            common_name=common_name(session),
            session=session,
            now=now,
            serial_number=session.serial,
            values=inputs.property_values,
            issuer=inputs.device_ca,
        )
        await sessions.use_found_challenge(
            challenge,
            session,
            now=now,
            transaction_id=request.transaction_id,
            key_hash=key_hash,
            signer_hash=key_hash_of(request.signer.public_key()),
            certificate_id=row.id,
        )
        if purpose == sessions.RENEWAL:
            await _check_renewable(session, now)
        else:
            await sessions.check_locked_session(session, now=now)
            if session.status != _status_before(purpose):
                raise SessionClosed(f"a certificate for {purpose} while the session is {session.status}")
    return row, session


async def _check_renewable(session: EnrollmentSession, now: datetime) -> None:
    """Check that the session's Mac is enrolled and its identity is valid, or expired within the grace period."""
    running = Enrollment.filter(session_id=session.id, status=EnrollmentStatus.ENROLLED)
    enrollment = await running.prefetch_related("certificate").first()
    if enrollment is None or session.status != SessionStatus.ENROLLED:
        raise SessionClosed("a renewal without a running enrollment")
    await sessions.check_person(session)
    grace_days = await properties.number("identity.grace.days")
    await revocation.check_valid(enrollment.certificate.sha256 or "", now=now, grace_days=grace_days)


def _status_before(purpose: str) -> SessionStatus:
    """Return the status of a session that may request its first certificate of ``purpose``."""
    return SessionStatus.IDENTIFIED if purpose == sessions.OTA_IDENTITY else SessionStatus.CONFIGURED


async def _store_issued(
    session: EnrollmentSession,
    row: Certificate,
    made: x509.Certificate | None,
    key: rsa.RSAPublicKey,
    purpose: str,
    now: datetime,
) -> None:
    """Store the certificate, record it, and move the session on unless an earlier copy of the request did.

    Over the air the MDM identity does not move the session, which was certified with its first certificate; a renewal
    does not move it either. The session is locked before the certificate, as in every other step. ``made``: None when
    it is stored.
    """
    moves = purpose == sessions.OTA_IDENTITY or (purpose == sessions.MDM_IDENTITY and session.way == "profile")
    issued = EventDetail("certificate.issued", row.purpose)
    both = (issued, EventDetail("session.certified"))
    async with transaction():
        if moves and session.status == _status_before(purpose):
            with suppress(StaleState):  # a copy of the request was quicker; what is kept below is the same
                await advance(session, SessionStatus.CERTIFIED, event=both, now=now, **sessions.NO_REFUSAL)
        if await issuers.store_signed(row, made, key) and not moves:
            await note(issued.kind, now=now, about=about(session), detail=issued.detail)


def key_hash_of(key: PublicKeyTypes) -> str:
    """Return the SHA-256 of a public key (SubjectPublicKeyInfo, DER) as hex."""
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest()
