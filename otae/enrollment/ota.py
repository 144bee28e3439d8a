"""Over-the-air delivery in three phases (Apple archive, "Over-the-Air Profile Delivery and Configuration").

Phase 1 returns the Profile Service profile. A Mac's post after that is phase 2 or phase 3 depending on who issued its
signer's certificate, never on its body: a certificate by Apple in phase 2, an identity issued here in phase 3.
"""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509

from otae.apple.ota import DeviceAttributes, claimed_challenge, parse_device_attributes
from otae.authority import revocation
from otae.enrollment import allowed_devices, profiles, sessions
from otae.enrollment.support import RefusalContext, record_refusals
from otae.errors import (
    CannotStart,
    ChallengeUnknown,
    DeviceMismatch,
    MessageUnreadable,
    Refusal,
    SessionClosed,
    SignerUntrusted,
    StaleState,
    Unreadable,
)
from otae.signing.apple_device_ca import check_apple_device
from otae.signing.bundles import Bundle, read_bundle
from otae.signing.certificates import check_issued_by, fingerprint, load_certificate
from otae.signing.cms import Policy, SignedMessage, claimed_content, verify
from otae.store import old_algorithms, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, EnrollmentSession, Invitation
from otae.store.records import about as about_row
from otae.store.records import advance, note
from otae.store.session_ends import close_challenges
from otae.store.states import SessionStatus

MAX_BYTES: Final = 64 * 1024


async def download(desk: Desk, session: EnrollmentSession, *, now: datetime) -> bytes:
    """Return what a signed-in person downloads: the profile of `phase_one` or the single one, by ``session.way``."""
    if session.way == "ota":
        return await phase_one(desk, session, now=now)
    return await profiles.single_profile(desk, session, now=now)


async def phase_one(desk: Desk, session: EnrollmentSession, *, now: datetime) -> bytes:
    """Return the signed Profile Service profile (application/x-apple-aspen-config) with a new Challenge.

    The Challenge is valid as long as the session; the first of several downloads that is used closes the others. Raises
    as `profiles.start_download`.
    """
    builder, challenge = await profiles.start_download(desk, session, "ota", now=now)
    return builder.sign(builder.profile_service(challenge))


async def answer(desk: Desk, body: bytes, *, now: datetime) -> bytes:
    """Answer a Mac's post of phase 2 or 3 with a signed profile (CMS, DER).

    A refusal changes nothing, except that a message that verified and breaks a policy ends its session as refused. A
    message that is refused before that is recorded with the session whose Challenge it carries, and does not end it.

    Args:
        body: CMS SignedData, BER or DER, at most 64 KiB; its content is the property list of DeviceAttributes.

    Raises:
        Unreadable: HTTP 400. Recorded with a support code.
        Untrusted, NotAllowed: HTTP 403. Recorded with a support code.
    """
    async with record_refusals(now) as context:
        try:
            return await _answer(desk, body, context, now)
        except StaleState:
            raise SessionClosed("the session moved on meanwhile") from None
        except Refusal:
            context.session = context.session or await _claimed_session(body)
            raise


async def _answer(desk: Desk, body: bytes, context: RefusalContext, now: datetime) -> bytes:
    policy = Policy(allow_sha1=await properties.flag("mac.sha1"), attributes="optional", max_bytes=MAX_BYTES)
    message = verify(body, policy=policy)
    issued = await Certificate.get_or_none(sha256=fingerprint(message.signer))
    if issued is None:
        profile = await _phase_two(desk, message, context, now)
    else:
        profile = await _phase_three(desk, message, issued, context, now)
    await old_algorithms.count_use(desk.resources, message.digest, now=now)
    return profile


async def _claimed_session(body: bytes) -> EnrollmentSession | None:
    """Return the session of the Challenge in an unverified message; use it for the timeline only."""
    try:
        content = claimed_content(body, max_bytes=MAX_BYTES)
    except Unreadable:
        return None
    return await sessions.find_by_challenge(claimed_challenge(content), sessions.OTA)


async def _phase_two(desk: Desk, message: SignedMessage, context: RefusalContext, now: datetime) -> bytes:
    """Bind the Challenge's session to the Mac, and return the profile with the SCEP payload for its first identity."""
    attributes = parse_device_attributes(message.content)
    context.session = await sessions.find_by_challenge(attributes.challenge, sessions.OTA)
    allowed_devices.check_platform(attributes.product)
    await _check_maker(desk, message.signer, context.session)
    if context.session is None:
        raise ChallengeUnknown("" if attributes.challenge else "the message carries no CHALLENGE")
    await sessions.check_directory(desk, context.session, now=now)
    builder = await profiles.profile_builder(desk, generated_topic=context.session.rehearsal)
    until = await profiles.challenge_end(context.session, now=now)
    async with transaction():
        session = await _identify(attributes, context, now)
        challenge = await sessions.mint_challenge(session, sessions.OTA_IDENTITY, now=now, expires_at=until)
    return builder.sign(builder.identity(session, challenge))


async def _check_maker(desk: Desk, signer: x509.Certificate, session: EnrollmentSession | None) -> None:
    """Raise SignerUntrusted unless ``signer`` is a device certificate by Apple or a lab authority.

    In a rehearsal it must come from the one-off CA of the session's own invitation, and no other session accepts that
    CA.
    """
    if session is None or not session.rehearsal:
        check_apple_device(signer, lab_authorities(desk.settings.extra_device_ca_file))
        return
    invitation = await Invitation.get_or_none(id=session.invitation_id)
    if invitation is None or not invitation.rehearsal or invitation.rehearsal_ca is None:
        raise SignerUntrusted("the rehearsal has no device authority")
    check_issued_by(signer, load_certificate(invitation.rehearsal_ca))


@lru_cache(maxsize=8)
def lab_authorities(path: Path | None) -> tuple[x509.Certificate, ...]:
    """Return the certificates of OTAE_EXTRA_DEVICE_CA_FILE, none without one; read once in a process's life.

    Raises:
        CannotStart: The file cannot be read or holds no certificate; call this at start, too.
    """
    try:
        bundle = read_bundle(path.read_bytes()) if path else Bundle((), ())
    except OSError as error:
        raise CannotStart(f"OTAE_EXTRA_DEVICE_CA_FILE: {path} cannot be read ({error.strerror})") from error
    except MessageUnreadable as error:
        raise CannotStart(f"OTAE_EXTRA_DEVICE_CA_FILE: {path}: {error.detail}") from error
    if bundle.unreadable:
        structlog.get_logger("otae.enrollment").warning(
            "certificates-left-out", file=str(path), words="; ".join(bundle.unreadable)
        )
    return bundle.certificates


async def _identify(attributes: DeviceAttributes, context: RefusalContext, now: datetime) -> EnrollmentSession:
    """Use the Challenge and bind the session to the Mac, inside the step's transaction."""
    session = await sessions.use_challenge(attributes.challenge, sessions.OTA, now=now)
    await sessions.check_live(session, now=now)
    # A second Mac must not be able to end the session of the first.
    context.ends_session = session.udid is None
    await sessions.check_serial(session, attributes.serial)
    await allowed_devices.check_built(session, attributes.version, attributes.product)
    await allowed_devices.check_mac(session, attributes.serial, attributes.udid)
    await sessions.check_device_free(attributes.udid, session)
    await sessions.bind(session, udid=attributes.udid, serial=attributes.serial)
    await close_challenges(session, now=now)
    await advance(
        session,
        SessionStatus.IDENTIFIED,
        event="session.identified",
        now=now,
        detail=f"{attributes.product} {attributes.serial}",
        product=attributes.product,
        build=attributes.version,
        **sessions.NO_REFUSAL,
    )
    return session


async def _phase_three(
    desk: Desk, message: SignedMessage, issued: Certificate, context: RefusalContext, now: datetime
) -> bytes:
    """Return the enrollment profile for a Mac that signed with its first identity; encrypted to it if configured."""
    context.session = await EnrollmentSession.get_or_none(id=issued.session_id)
    if issued.purpose != sessions.OTA_IDENTITY or context.session is None:
        raise SignerUntrusted(f"a {issued.purpose} certificate does not speak in this phase")
    await revocation.check_valid(fingerprint(message.signer), now=now)
    attributes = parse_device_attributes(message.content)
    await sessions.check_directory(desk, context.session, now=now)
    builder = await profiles.profile_builder(desk, generated_topic=context.session.rehearsal)
    encrypt_to = message.signer if await properties.flag("enrollment.encrypt") else None
    until = await profiles.challenge_end(context.session, now=now)
    async with transaction():
        challenge = await _configure(attributes, context.session, context, until, now)
    return builder.sign(builder.enrollment(context.session, challenge, encrypt_to))


async def _configure(
    attributes: DeviceAttributes, session: EnrollmentSession, context: RefusalContext, until: datetime, now: datetime
) -> str:
    """Move the session on and mint the challenge of the final SCEP payload, inside the step's transaction."""
    await sessions.check_live(session, now=now)
    context.ends_session = True
    if attributes.udid != session.udid or not sessions.same_serial(attributes.serial, session.serial or ""):
        raise DeviceMismatch("another Mac than in phase 2")
    await sessions.check_device_free(attributes.udid, session)
    if session.status == SessionStatus.CERTIFIED:
        await advance(session, SessionStatus.CONFIGURED, event="session.configured", now=now, **sessions.NO_REFUSAL)
    elif session.status == SessionStatus.CONFIGURED:  # the answer was lost, or the Mac starts again from here
        await note("session.configured", now=now, about=about_row(session), detail="again")
    else:
        context.ends_session = False
        raise SessionClosed(f"phase 3 while the session is {session.status}")
    await close_challenges(session, now=now, purposes=(sessions.MDM_IDENTITY,))
    return await sessions.mint_challenge(session, sessions.MDM_IDENTITY, now=now, expires_at=until)
