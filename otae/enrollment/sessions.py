"""Enrollment sessions: one sign-in, the one Mac that is enrolled by it, and the one-time challenges minted for it."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn
from uuid import UUID

from tortoise.expressions import Q

from otae.branding.portal_texts import PortalTextRow
from otae.directory import rechecks
from otae.enrollment import approvals
from otae.errors import (
    ChallengeExpired,
    ChallengeUnknown,
    ChallengeUsed,
    DeviceMismatch,
    DeviceTaken,
    InvitationRedeemed,
    InvitationRevoked,
    PersonDisabled,
    SessionClosed,
    SessionExpired,
)
from otae.store import properties, statements
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Challenge, Device, Enrollment, EnrollmentSession, Invitation, Person
from otae.store.passwords import hash_token
from otae.store.records import about, note
from otae.store.session_ends import LIVE, close_challenges, end_session
from otae.store.states import EnrollmentStatus, InvitationStatus, SessionStatus
from otae.text import identifier

OTA, OTA_IDENTITY, MDM_IDENTITY, RENEWAL = "ota", "ota-identity", "mdm-identity", "renewal"

#: Unused challenges of one purpose that a session keeps: one for each download, or sending of a renewal.
MAX_UNUSED: Final = 20
#: Columns that a successful step resets, so that the person sees only what is wrong now.
NO_REFUSAL: Final[dict[str, Any]] = {"refusal": None, "support_code": None}


async def open_session(
    *,
    person: Person,
    invitation: Invitation | None,
    mode: str,
    ownership: str,
    now: datetime,
    way: str | None = None,
    terms_of_use: PortalTextRow | None = None,
) -> EnrollmentSession:
    """Open a session after a successful sign-in, and end the invitation's older ones that no Mac has joined.

    A session of a rehearsal's invitation is marked as a rehearsal. It stores the access rights that server property
    mdm.rights.corporate or mdm.rights.employee has now.

    Args:
        ownership: "corporate" or "employee".
        way: "ota" or "profile"; by default the invitation's, else the server property enrollment.delivery.
        terms_of_use: The text that the person accepted, None when there was none.
    """
    way = way or (invitation.way if invitation else None) or await properties.word("enrollment.delivery")
    minutes = await properties.number("enrollment.session.minutes")
    session = EnrollmentSession(
        person_id=person.id,
        invitation_id=invitation.id if invitation else None,
        mode=mode,
        ownership=ownership,
        access_rights=await properties.number(f"mdm.rights.{ownership}"),
        way=way,
        rehearsal=invitation.rehearsal if invitation else False,
        opened_at=now,
        expires_at=now + timedelta(minutes=minutes),
    )
    if terms_of_use:
        session.terms_of_use_language, session.terms_of_use_version = terms_of_use.language, terms_of_use.version
        session.terms_of_use_sha256 = terms_of_use.sha256
    async with transaction():
        if invitation:
            await _end_older(invitation, now)
        await session.save()
        await note("session.opened", now=now, about=about(session))
        if terms_of_use:
            accepted = f"version {terms_of_use.version} ({terms_of_use.language}), SHA-256 {terms_of_use.sha256}"
            await note("terms-of-use.accepted", now=now, about=about(session), detail=accepted)
    return session


async def _end_older(invitation: Invitation, now: datetime) -> None:
    unjoined = Q(status=SessionStatus.OPENED) | Q(status=SessionStatus.CONFIGURED, way="profile")
    for older in await EnrollmentSession.filter(unjoined, invitation_id=invitation.id):
        await end_session(older, now=now, why="a new sign-in took its place")


async def expire_due(now: datetime) -> int:
    """End every session past its end and return how many; safe to repeat, and to run in several processes."""
    ended = 0
    for session in await EnrollmentSession.filter(status__in=LIVE, expires_at__lte=now).limit(1000):
        async with transaction():
            ended += await end_session(session, now=now, why="its time is over")
    return ended


async def check_live(session: EnrollmentSession, *, now: datetime) -> None:
    """Refresh ``session`` and check that it may take its next step.

    An invitation that expired or failed meanwhile does not stop a session.

    Raises:
        SessionExpired: Its time is over.
        SessionClosed: It was refused, replaced by a new sign-in, or is finished.
        InvitationRevoked, PersonDisabled: The invitation was revoked, or the person disabled or deleted.
        InvitationRedeemed: Another Mac was enrolled with the invitation.
        ApprovalMissing, ApprovalDeclined: As `approvals.check`. So no profile leaves, no certificate is issued and no
            Mac checks in without the approval that the mode needs.
    """
    await session.refresh_from_db()
    await check_locked_session(session, now=now)


async def check_locked_session(session: EnrollmentSession, *, now: datetime) -> None:
    """Check a session that this transaction has locked and read already. Raises as `check_live`."""
    read = EnrollmentSession.filter(id=session.id)
    [(invitation, disabled)] = await read.values_list("invitation__status", "person__disabled")
    if invitation == InvitationStatus.REVOKED:
        raise InvitationRevoked
    if disabled:
        raise PersonDisabled("the user was disabled or deleted")
    if session.status == SessionStatus.EXPIRED and session.closed_at and session.closed_at < session.expires_at:
        raise SessionClosed("a newer sign-in took its place, or the user was shut out meanwhile")
    if session.status == SessionStatus.EXPIRED or (session.status in LIVE and session.expires_at <= now):
        raise SessionExpired
    if session.status not in LIVE:
        raise SessionClosed(f"the session is {session.status}")
    if invitation == InvitationStatus.REDEEMED:
        raise InvitationRedeemed
    await approvals.check(session, now=now)


async def check_person(session: EnrollmentSession) -> None:
    """Raise PersonDisabled when the person of ``session`` was disabled or deleted."""
    if await Person.exists(id=session.person_id, disabled=True):
        raise PersonDisabled("the user was disabled or deleted")


async def check_directory(desk: Desk, session: EnrollmentSession, *, now: datetime) -> None:
    """Check the person as `check_person` does, and ask their directory; call it outside of a transaction."""
    if not await rechecks.is_still_allowed(desk, session.person_id, now=now):
        raise PersonDisabled("the user was disabled or deleted, here or in the directory")


async def mint_challenge(session: EnrollmentSession, purpose: str, *, now: datetime, expires_at: datetime) -> str:
    """Mint a one-time challenge for ``session`` and return it; only its SHA-256 is stored.

    It is 160 random bits in hexadecimal digits, which every client can carry in a PrintableString. ``purpose``: `OTA`,
    `OTA_IDENTITY`, `MDM_IDENTITY` or `RENEWAL`.
    """
    secret = secrets.token_hex(20)
    await Challenge(
        session_id=session.id, secret_hash=hash_token(secret), purpose=purpose, created_at=now, expires_at=expires_at
    ).save()
    return secret


async def prune_challenges(session: EnrollmentSession, purpose: str) -> None:
    """Delete unused challenges of ``purpose`` except the newest `MAX_UNUSED`: every download mints one."""
    unused = Challenge.filter(session_id=session.id, purpose=purpose, used_at=None).order_by("-created_at", "id")
    over = await unused.offset(MAX_UNUSED).limit(MAX_UNUSED).values_list("id", flat=True)
    if over:
        await Challenge.filter(id__in=over).delete()


async def find_challenge(secret: str, purposes: Collection[str]) -> Challenge | None:
    """Return the challenge, used or not; None when none was minted for one of ``purposes``."""
    challenge = await statements.one(Challenge, secret_hash=hash_token(secret))
    return challenge if challenge is not None and challenge.purpose in purposes else None


async def find_by_challenge(secret: str, purpose: str) -> EnrollmentSession | None:
    """Return the session of a challenge, in whatever state; None when none was minted for ``purpose``."""
    challenge = await find_challenge(secret, (purpose,)) if secret else None
    return await EnrollmentSession.get(id=challenge.session_id) if challenge else None


async def use_challenge(secret: str, purpose: str, *, now: datetime) -> EnrollmentSession:
    """Use a challenge, once, inside the step's transaction; return its session, locked and current.

    Raises ChallengeUnknown when none was minted for ``purpose``, else as `use_found_challenge`.
    """
    challenge = await find_challenge(secret, (purpose,))
    if challenge is None:
        raise ChallengeUnknown
    session = await lock_session(challenge.session_id)
    await use_found_challenge(challenge, session, now=now)
    return session


async def use_found_challenge(
    challenge: Challenge,
    session: EnrollmentSession,
    *,
    now: datetime,
    transaction_id: str | None = None,
    key_hash: str | None = None,
    signer_hash: str | None = None,
    certificate_id: UUID | None = None,
) -> None:
    """Use a challenge that was found before, and close its session's others of the same purpose.

    This transaction must hold the lock on ``session``.

    Args:
        transaction_id: With ``key_hash`` and ``signer_hash``: identifies the SCEP request that uses it.
        certificate_id: Id of the certificate row reserved for it.

    Raises:
        ChallengeUsed, ChallengeExpired: It cannot be used. When it ended with its session, the errors of `check_live`
            are raised instead.
    """
    used: dict[str, object] = {"used_at": now, "transaction_id": transaction_id, "key_hash": key_hash}
    used |= {"signer_hash": signer_hash, "certificate_id": certificate_id}
    if await statements.change(Challenge, used, id=challenge.id, used_at=None, closed_at=None, expires_at__gt=now) != 1:
        await refuse_challenge(challenge, now=now)
    challenge.update_from_dict(used)
    await close_challenges(session, now=now, purposes=(challenge.purpose,))


async def lock_session(session_id: UUID) -> EnrollmentSession:
    """Lock a session's row until the transaction ends, and return it as it is now. Raises SessionClosed if it is gone.

    Every step locks the session before its challenges, its Mac and its invitation, so that no two steps deadlock.
    """
    session = await statements.one(EnrollmentSession, lock=True, id=session_id)
    if session is None:
        raise SessionClosed("the session was removed meanwhile")
    return session


async def refuse_challenge(challenge: Challenge, *, now: datetime) -> NoReturn:
    """Raise the reason why ``challenge`` cannot be used, as `use_found_challenge` does."""
    await challenge.refresh_from_db()
    if challenge.used_at is not None:
        raise ChallengeUsed
    if challenge.purpose != RENEWAL:
        # says more than the reasons below, if it raises
        await check_live(await EnrollmentSession.get(id=challenge.session_id), now=now)
    if challenge.closed_at is not None:
        raise ChallengeUsed("another download of the same sign-in was used")
    raise ChallengeExpired


async def bind(session: EnrollmentSession, *, udid: str, serial: str) -> None:
    """Bind ``session``, locked by this transaction, to one Mac for good; for the same Mac again nothing changes.

    Args:
        serial: "" for a Mac that names none; a session keeps the first that was named.

    Raises:
        DeviceMismatch: The session belongs to another Mac.
    """
    known = session.serial or ""
    same_mac = session.udid in {None, udid} and (not known or not serial or same_serial(known, serial))
    still = Q(udid=None) if session.udid is None else Q(udid=udid, serial=session.serial)
    kept = known or serial
    names = session.with_search_text({"udid": udid, "serial": kept})
    if not same_mac or await EnrollmentSession.filter(still, id=session.id).update(**names) != 1:
        raise DeviceMismatch("the session is bound to another Mac")
    session.udid, session.serial = udid, kept


def same_serial(one: str, other: str) -> bool:
    """Return whether two serial numbers are equal, ignoring case and invisible characters."""
    return identifier(one).casefold() == identifier(other).casefold()


async def check_serial(session: EnrollmentSession, serial: str) -> None:
    """Raise DeviceMismatch unless the Mac has the serial number that the invitation names, if it names one."""
    invitation = await Invitation.get(id=session.invitation_id) if session.invitation_id else None
    if invitation and invitation.serial and not same_serial(invitation.serial, serial):
        raise DeviceMismatch(f"serial {serial or 'not named'}, invited is {invitation.serial}")


async def check_device_free(udid: str, session: EnrollmentSession) -> None:
    """Raise DeviceTaken when the Mac is enrolled by somebody else, and no administrator released it."""
    device = await Device.get_or_none(udid=udid)
    if device is None or device.released:
        return
    others = Enrollment.filter(device_id=device.id, status=EnrollmentStatus.ENROLLED)
    if await others.exclude(person_id=session.person_id).exists():
        raise DeviceTaken
