"""Who gets a certificate over SCEP (RFC 8894), and what stands in it.

A request is worth what its challenge is worth: the challenge names the session and the purpose, and the subject is
made from the session; nothing else of the request but its key is looked at. The challenge is used and the serial number
reserved in one transaction; the certificate is signed after it. Whatever can be answered in the protocol is a signed
CertRep; only a message that nobody signed leaves here as a refusal.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from otae.authority import issuers, rotation
from otae.authority.issuers import IdentityPurpose
from otae.enrollment import sessions
from otae.enrollment.support import Known, recorded
from otae.errors import (
    AlgorithmRefused,
    CertificateUnknown,
    ChallengeUnknown,
    MessageTypeRefused,
    Refusal,
    SessionClosed,
    StaleState,
)
from otae.signing import scep
from otae.signing.certificates import Keyed, load_certificate
from otae.signing.scep import FailInfo, MessageType
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge, EnrollmentSession
from otae.store.records import about, advance, note
from otae.store.states import SessionStatus

#: How long the same request, sent again, gets the same certificate.
RETRANSMISSION: Final = timedelta(minutes=10)

_PURPOSES: Final = (sessions.OTA_IDENTITY, sessions.MDM_IDENTITY)
#: Asking for what is there already; the answer to a miss is badCertId.
_LOOK_UPS: Final = (MessageType.GET_CERT_INITIAL, MessageType.GET_CERT, MessageType.GET_CRL)


def capabilities() -> bytes:
    """Return the answer to GetCACaps: one keyword a line, LF, without a blank (text/plain)."""
    return scep.CAPABILITIES.encode()


async def ca_certificates(desk: Desk) -> bytes:
    """Return the answer to GetCACert: RA, device CA and root, certs-only (application/x-x509-ca-ra-cert).

    The root is there because certmonger and strongSwan accept no chain that ends before it. Raises NotReady before the
    ceremony.
    """
    del desk  # every room function that may come to need it takes it first
    device_ca = await issuers.certificate_of("device-ca")
    return scep.certs_only([await issuers.certificate_of("ra"), device_ca, await issuers.root()])


async def answer(desk: Desk, message: bytes, *, now: datetime) -> bytes:
    """Answer a PKIOperation; returns a CertRep as DER (application/x-pki-message, HTTP 200), also when it says no.

    ``message``: the pkiMessage, BER or DER, at most 64 KiB. Raises Unreadable or Untrusted when its outer signature
    cannot be read or does not fit, and NotReady before there are keys: there is nothing signed to answer to (HTTP 400).
    """
    async with recorded(now):
        opened = scep.open_message(message)
        ra = await rotation.ra_for(desk, opened.envelope, now=now)
    try:
        async with recorded(now) as known:
            return await _reply(desk, opened, ra, known, now)
    except Refusal as refusal:
        return scep.cert_rep_failure(opened, _fail_info(opened, refusal), ra)


def _fail_info(opened: scep.OpenedMessage, refusal: Refusal) -> FailInfo:
    if opened.message_type in _LOOK_UPS and not isinstance(refusal, AlgorithmRefused):
        return FailInfo.BAD_CERT_ID
    return scep.fail_info_for(refusal)


async def _reply(desk: Desk, opened: scep.OpenedMessage, ra: Keyed, known: Known, now: datetime) -> bytes:
    request = scep.unwrap(
        opened,
        ra,
        allow_sha1=await properties.flag("mac.sha1"),
        allow_des3=await properties.flag("scep.des3"),
        allow_des=desk.settings.scep_allow_des,
    )
    if request.message_type is MessageType.PKCS_REQ:
        row = await _issue(desk, request, known, now)
    elif request.message_type is MessageType.GET_CERT_INITIAL:
        row = await _poll(request, known)
    elif request.message_type is MessageType.RENEWAL_REQ:
        raise MessageTypeRefused("RenewalReq without a renewal challenge")
    else:
        raise CertificateUnknown("GetCert and GetCRL are not answered; CRLs are fetched from their own address")
    return scep.cert_rep_success(request, load_certificate(row.der or b""), ra)


async def _issue(desk: Desk, request: scep.PKIMessage, known: Known, now: datetime) -> Certificate:
    """Return the certificate for a PKCSReq: a new one, or for a retransmission the one it got."""
    if request.csr is None or not request.csr.challenge:
        raise ChallengeUnknown("the request carries no challenge")
    found = await sessions.find_challenge(request.csr.challenge, _PURPOSES)
    if found is None:
        raise ChallengeUnknown
    challenge, known.session = found
    reserved = await _reserved(request, challenge, now)
    if reserved is None:
        reserved = await _reserve(request, request.csr.challenge, challenge.purpose, now)
    else:
        await sessions.check_live(known.session, now=now)
    fresh = reserved.state == "reserved"
    row = await issuers.sign(desk, reserved, request.csr.public_key)
    await _mark_certified(known.session, row, now, fresh=fresh)
    return row


async def _reserved(request: scep.PKIMessage, challenge: Challenge, now: datetime) -> Certificate | None:
    """Return what this very request was promised before, at most ten minutes ago (RFC 8894 §4.3)."""
    same = (challenge.transaction_id, challenge.key_hash) == (request.transaction_id, _requested_key(request))
    if not same or challenge.used_at is None or challenge.used_at <= now - RETRANSMISSION:
        return None
    return await Certificate.get_or_none(id=challenge.certificate_id)


async def _reserve(request: scep.PKIMessage, secret: str, purpose: str, now: datetime) -> Certificate:
    async with transaction():
        challenge, session = await sessions.use_challenge(
            secret,
            purpose,
            now=now,
            transaction_id=request.transaction_id,
            key_hash=_requested_key(request),
            signer_hash=_hash(request.signer.public_key()),
        )
        await sessions.check_live(session, now=now)
        if session.status != _status_before(purpose):
            raise SessionClosed(f"a certificate for {purpose} while the session is {session.status}")
        return await issuers.reserve(
            cast("IdentityPurpose", purpose),
            common_name=common_name(session),
            session=session,
            now=now,
            challenge=challenge,
        )


def common_name(session: EnrollmentSession) -> str:
    """Return the CN of every certificate of ``session``."""
    return f"otae {session.id}"


def _status_before(purpose: str) -> SessionStatus:
    """Return where a session stands when it asks for a certificate of ``purpose``."""
    return SessionStatus.IDENTIFIED if purpose == sessions.OTA_IDENTITY else SessionStatus.CONFIGURED


async def _mark_certified(session: EnrollmentSession, row: Certificate, now: datetime, *, fresh: bool) -> None:
    """Record the certificate and move the session on, unless an earlier copy of the request did.

    Over the air the MDM identity moves no state: the session was certified with the first one.
    """
    moves = row.purpose == sessions.OTA_IDENTITY or session.way == "profile"
    try:
        async with transaction():
            await session.refresh_from_db()
            if session.status != _status_before(row.purpose) if moves else not fresh:
                return
            await note("certificate.issued", now=now, about=about(session), detail=row.purpose)
            if moves:
                await advance(session, SessionStatus.CERTIFIED, event="session.certified", now=now)
    except StaleState:
        return  # the same request, sent twice, was quicker


async def _poll(request: scep.PKIMessage, known: Known) -> Certificate:
    """Return the certificate that GetCertInitial asks for: the one of this transactionID, asked by the same signer."""
    challenge = await Challenge.filter(
        transaction_id=request.transaction_id, signer_hash=_hash(request.signer.public_key()), purpose__in=_PURPOSES
    ).first()
    if challenge is None:
        raise CertificateUnknown("no certificate was issued to this transactionID and signer")
    known.session = await EnrollmentSession.get(id=challenge.session_id)
    row = await Certificate.get_or_none(id=challenge.certificate_id, state="issued")
    if row is None:
        raise CertificateUnknown("the certificate was revoked, or never signed")
    return row


def _requested_key(request: scep.PKIMessage) -> str:
    if request.csr is None:
        raise ChallengeUnknown("the message carries no request")
    return _hash(request.csr.public_key)


def _hash(key: PublicKeyTypes) -> str:
    """Return the SHA-256 of a public key (SubjectPublicKeyInfo, DER) as hex."""
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest()
