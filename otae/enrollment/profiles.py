"""The profiles a Mac gets from us, and the second way: everything in one signed enrollment profile."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from otae.apple import payloads
from otae.apple.payloads import MDM, SCEP, Issuing
from otae.authority import issuers, push
from otae.enrollment import sessions
from otae.enrollment.issuance_policy import common_name
from otae.enrollment.support import recorded
from otae.errors import SessionClosed, StaleState
from otae.signing import cms
from otae.signing.certificates import Keyed, der
from otae.signing.envelopes import encrypt
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession
from otae.store.records import about, advance, note_unless_just_now
from otae.store.states import SessionStatus

#: CA ident in every SCEP payload; the server answers any.
CA_IDENT: Final = "otae"
DEVICE_PATH, SCEP_PATH, CHECKIN_PATH, CONNECT_PATH = "/zdm/macos/otae/device", "/scep", "/mdm/checkin", "/mdm/connect"


@dataclass(frozen=True)
class Workshop:
    """All that profiles are made of, read before a step's transaction, so that nothing can fail after it."""

    issuing: Issuing
    public_url: str
    signer: Keyed = field(repr=False)
    chain: Sequence[x509.Certificate]
    root: x509.Certificate
    device_ca: x509.Certificate
    topic: str

    def sign(self, profile: bytes) -> bytes:
        """Return ``profile`` inside a CMS message of the profile signer, as DER."""
        return cms.sign(profile, self.signer, self.chain)

    def profile_service(self, challenge: str) -> bytes:
        """Return the profile of phase 1."""
        return payloads.profile_service(self.issuing, url=self.public_url + DEVICE_PATH, challenge=challenge)

    def identity(self, session: EnrollmentSession, challenge: str) -> bytes:
        """Return the answer to phase 2."""
        return payloads.identity_profile(self.issuing, self._scep(session, challenge))

    def enrollment(self, session: EnrollmentSession, challenge: str) -> bytes:
        """Return root, SCEP and MDM in one profile: the answer to phase 3, and the single enrollment profile."""
        return payloads.enrollment_profile(self.issuing, [der(self.root)], self._scep(session, challenge), self._mdm())

    def encrypted_enrollment(self, session: EnrollmentSession, challenge: str, to: x509.Certificate) -> bytes:
        """Return the same with its content encrypted to ``to``, a certificate of the Mac."""
        content = payloads.enrollment_content(
            self.issuing, [der(self.root)], self._scep(session, challenge), self._mdm()
        )
        return payloads.encrypted_profile(self.issuing, encrypt(content, to, "aes-128-cbc"))

    def _scep(self, session: EnrollmentSession, challenge: str) -> SCEP:
        return SCEP(
            url=self.public_url + SCEP_PATH,
            name=CA_IDENT,
            challenge=challenge,
            subject=[("O", self.issuing.organization), ("CN", common_name(session))],
            ca_fingerprint=self.device_ca.fingerprint(hashes.SHA1()),  # noqa: S303 - Macs compare no longer one
        )

    def _mdm(self) -> MDM:
        return MDM(self.topic, self.public_url + CONNECT_PATH, self.public_url + CHECKIN_PATH)


async def workshop(desk: Desk, *, generated_topic: bool, topic: str | None = None) -> Workshop:
    """Return what profiles are made of now.

    ``generated_topic``: the installation's generated topic will do where there is no push certificate; ``topic``: this
    one is to be named whatever the push certificate says. Raises NotReady when there is no topic, or no keys yet.
    """
    signer, chain = await issuers.keyed_with_chain(desk, "profile-signer")
    return Workshop(
        issuing=await _issuing(desk),
        public_url=desk.settings.public_url,
        signer=signer,
        chain=chain,
        root=await issuers.root(),
        device_ca=await issuers.certificate_of("device-ca"),
        topic=topic or await push.topic(desk, rehearsal=generated_topic),
    )


async def _issuing(desk: Desk) -> Issuing:
    organization = await properties.word("organization.name")
    host = desk.settings.public_host.replace(":", "-")
    identifier = ".".join([*reversed(host.split(".")), "otae"])
    return Issuing(identifier, organization, f"{organization} enrollment", "Enrolls this Mac.")


async def root_certificate() -> bytes:
    """Return the root as DER (application/x-x509-ca-cert). Raises NotReady before the ceremony."""
    return der(await issuers.root())


async def trust_profile(desk: Desk) -> bytes:
    """Return the signed profile that lets a Mac trust this server (application/x-apple-aspen-config)."""
    profile = payloads.trust_profile(await _issuing(desk), await root_certificate())
    return cms.sign(profile, *await issuers.keyed_with_chain(desk, "profile-signer"))


async def single_profile(
    desk: Desk, session: EnrollmentSession, *, now: datetime, signed: bool = True, generated_topic: bool = False
) -> bytes:
    """Return the enrollment profile of a session of the profile way, its SCEP challenge good as long as the session.

    Each call mints a challenge of its own; the first one used closes the others. ``generated_topic``: see ``workshop``
    (a rehearsal may always). Raises NotReady, and SessionExpired, SessionClosed, InvitationRevoked or
    InvitationRedeemed, recorded with a support code.
    """
    async with recorded(now) as known:
        known.session = session
        made_of = await workshop(desk, generated_topic=generated_topic or session.rehearsal)
        try:
            challenge = await _configure(session, now)
        except StaleState:
            raise SessionClosed("the session moved on meanwhile") from None
    profile = made_of.enrollment(session, challenge)
    return made_of.sign(profile) if signed else profile


async def _configure(session: EnrollmentSession, now: datetime) -> str:
    async with transaction():
        await sessions.check_live(session, now=now)
        if session.way != "profile":
            raise SessionClosed("this sign-in goes over the air")
        await fetched(session, now)
        if session.status != SessionStatus.CONFIGURED:
            await advance(session, SessionStatus.CONFIGURED, event="session.configured", now=now, **sessions.NO_REFUSAL)
        await sessions.keep_few_challenges(session, sessions.MDM_IDENTITY)
        return await sessions.mint_challenge(session, sessions.MDM_IDENTITY, now=now, expires_at=session.expires_at)


async def fetched(session: EnrollmentSession, now: datetime) -> None:
    """Record a download, inside its transaction. Raises StaleState when the session has moved meanwhile."""
    still = EnrollmentSession.filter(id=session.id, status=session.status)
    if await still.update(profile_fetched_at=now) != 1:
        raise StaleState(f"the session is no longer {session.status}")
    session.profile_fetched_at = now
    await note_unless_just_now("profile.fetched", now=now, about=about(session))


async def challenge_end(session: EnrollmentSession, *, now: datetime) -> datetime:
    """Return the end of a SCEP challenge over the air: after scep.challenge.minutes, or with the session."""
    return min(session.expires_at, now + timedelta(minutes=await properties.number("scep.challenge.minutes")))
