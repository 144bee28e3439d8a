"""Builds the profiles that a Mac gets, and begins their download: over the air, or as one enrollment profile."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from otae import paths
from otae.apple import payloads
from otae.apple.payloads import MDM, SCEP, ProfileIssuer
from otae.authority import issuers, push
from otae.enrollment import sessions
from otae.enrollment.issuance_policy import common_name
from otae.enrollment.support import record_refusals
from otae.errors import SessionClosed, StaleState
from otae.signing import cms
from otae.signing.certificates import Keyed, der
from otae.signing.envelopes import encrypt
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession
from otae.store.records import about, advance, note_once_a_minute
from otae.store.states import SessionStatus

#: CA ident in every SCEP payload; the server answers any.
CA_IDENT: Final = "otae"


@dataclass(frozen=True)
class ProfileBuilder:
    """Everything needed to build profiles, read before a step's transaction so that nothing can fail after it.

    Profiles are property lists in XML, unsigned until `sign`.
    """

    issuing: ProfileIssuer
    public_url: str
    signer: Keyed = field(repr=False)
    chain: Sequence[x509.Certificate]
    root: x509.Certificate
    device_ca: x509.Certificate
    topic: str

    def sign(self, profile: bytes) -> bytes:
        """Return ``profile`` in a CMS message signed by the profile signer, as DER."""
        return cms.sign(profile, self.signer, self.chain)

    def profile_service(self, challenge: str) -> bytes:
        """Return the Profile Service profile of phase 1; ``challenge`` is its Challenge."""
        return payloads.profile_service(self.issuing, url=self.public_url + paths.OTA, challenge=challenge)

    def identity(self, session: EnrollmentSession, challenge: str) -> bytes:
        """Return the profile that answers phase 2; ``challenge`` is the SCEP challenge of the first identity."""
        return payloads.identity_profile(self.issuing, self._scep(session, challenge))

    def enrollment(self, session: EnrollmentSession, challenge: str, to: x509.Certificate | None = None) -> bytes:
        """Return the enrollment profile: root certificate, SCEP payload with ``challenge``, and MDM payload.

        It is the answer to phase 3, and also the single enrollment profile.

        ``to``: the certificate of the Mac to which the content is encrypted, None for plain content.
        """
        parts = [der(self.root)], self._scep(session, challenge), self._mdm(session)
        if to is None:
            return payloads.enrollment_profile(self.issuing, *parts)
        content = payloads.enrollment_content(self.issuing, *parts)
        return payloads.encrypted_profile(self.issuing, encrypt(content, to, "aes-128-cbc"))

    def _scep(self, session: EnrollmentSession, challenge: str) -> SCEP:
        return SCEP(
            url=self.public_url + paths.SCEP,
            name=CA_IDENT,
            challenge=challenge,
            subject=[("O", self.issuing.organization), ("CN", common_name(session))],
            ca_fingerprint=self.device_ca.fingerprint(hashes.SHA1()),  # noqa: S303 - Macs compare no longer one
        )

    def _mdm(self, session: EnrollmentSession) -> MDM:
        urls = self.public_url + paths.CONNECT, self.public_url + paths.CHECKIN
        return MDM(self.topic, *urls, access_rights=session.access_rights)


async def profile_builder(desk: Desk, *, generated_topic: bool, topic: str | None = None) -> ProfileBuilder:
    """Return a builder with the current keys and settings.

    Args:
        generated_topic: Fall back to the installation's generated topic where there is no push certificate.
        topic: Use this topic, whatever the push certificate says.

    Raises:
        NotReady: There is no topic, or no keys yet.
    """
    signer, chain = await issuers.keyed_with_chain(desk, "profile-signer")
    return ProfileBuilder(
        issuing=await _issuing(desk),
        public_url=desk.settings.public_url,
        signer=signer,
        chain=chain,
        root=await issuers.root(),
        device_ca=await issuers.certificate_of("device-ca"),
        topic=topic or await push.topic(desk, rehearsal=generated_topic),
    )


async def _issuing(desk: Desk) -> ProfileIssuer:
    organization = await properties.word("organization.name")
    host = desk.settings.public_host.replace(":", "-")
    identifier = ".".join([*reversed(host.split(".")), "otae"])
    what = f"Enrolls this Mac with {organization}, which then manages it."
    return ProfileIssuer(identifier, organization, enrollment_name(organization), what)


def enrollment_name(organization: str) -> str:
    """Return the name under which a Mac lists the enrollment profile."""
    return f"{organization} enrollment"


def root_name(organization: str) -> str:
    """Return the name under which a Mac lists the trust profile."""
    return f"{organization} certificate"


async def root_certificate() -> bytes:
    """Return the root as DER (application/x-x509-ca-cert). Raises NotReady before the ceremony."""
    return der(await issuers.root())


async def trust_profile(desk: Desk) -> bytes:
    """Return the signed profile that makes a Mac trust this server (application/x-apple-aspen-config)."""
    issuing = await _issuing(desk)
    named = replace(
        issuing,
        display_name=root_name(issuing.organization),
        description=f"Lets this Mac trust {desk.settings.public_host}. It does not enroll this Mac.",
    )
    profile = payloads.trust_profile(named, await root_certificate())
    return cms.sign(profile, *await issuers.keyed_with_chain(desk, "profile-signer"))


async def single_profile(
    desk: Desk, session: EnrollmentSession, *, now: datetime, signed: bool = True, generated_topic: bool = False
) -> bytes:
    """Return the enrollment profile of a session that enrolls by a single profile.

    Each call mints a SCEP challenge that is valid as long as the session; the first one used closes the others.

    Args:
        generated_topic: As in `profile_builder`; always allowed for a rehearsal.

    Raises as `start_download`.
    """
    builder, challenge = await start_download(desk, session, "profile", now=now, generated_topic=generated_topic)
    profile = builder.enrollment(session, challenge)
    return builder.sign(profile) if signed else profile


async def start_download(
    desk: Desk, session: EnrollmentSession, way: str, *, now: datetime, generated_topic: bool = False
) -> tuple[ProfileBuilder, str]:
    """Record a download by ``way``, "ota" or "profile"; return a builder for its profile, and the challenge in it.

    Args:
        generated_topic: As in `profile_builder`; always allowed for a rehearsal.

    Raises:
        NotReady: There are no keys or no topic yet.
        SessionClosed: As `sessions.check_live`; also when ``way`` is not the session's, or it moved on meanwhile.
        SessionExpired, InvitationRevoked, InvitationRedeemed: Recorded with a support code.
    """
    async with record_refusals(now) as context:
        context.session = session
        builder = await profile_builder(desk, generated_topic=generated_topic or session.rehearsal)
        try:
            async with transaction():
                return builder, await _mint_download_challenge(session, way, now)
        except StaleState:
            raise SessionClosed("the session moved on meanwhile") from None


async def _mint_download_challenge(session: EnrollmentSession, way: str, now: datetime) -> str:
    await sessions.check_live(session, now=now)
    if session.way != way:
        raise SessionClosed(f"this sign-in goes {'over the air' if session.way == 'ota' else 'by a single profile'}")
    await _record_download(session, now)
    if way == "profile" and session.status != SessionStatus.CONFIGURED:
        await advance(session, SessionStatus.CONFIGURED, event="session.configured", now=now, **sessions.NO_REFUSAL)
    purpose = sessions.OTA if way == "ota" else sessions.MDM_IDENTITY
    await sessions.prune_challenges(session, purpose)
    return await sessions.mint_challenge(session, purpose, now=now, expires_at=session.expires_at)


async def _record_download(session: EnrollmentSession, now: datetime) -> None:
    still = EnrollmentSession.filter(id=session.id, status=session.status)
    if await still.update(profile_fetched_at=now) != 1:
        raise StaleState(f"the session is no longer {session.status}")
    session.profile_fetched_at = now
    await note_once_a_minute("profile.fetched", now=now, about=about(session))


async def challenge_end(session: EnrollmentSession, *, now: datetime) -> datetime:
    """Return the end of a SCEP challenge over the air: scep.challenge.minutes from now, at most the session's end."""
    return min(session.expires_at, now + timedelta(minutes=await properties.number("scep.challenge.minutes")))
