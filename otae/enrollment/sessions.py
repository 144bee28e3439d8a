"""Enrollment sessions: one sign-in and the one Mac that follows from it, with the one-time challenges minted for it."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn
from uuid import UUID

from tortoise.expressions import Q

from otae.directory import rechecks
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

#: Downloads, or sendings of a renewal, that one session keeps at a time.
MOST_UNUSED: Final = 20
#: What a step that succeeds makes of the refusal before it: the person is told what is wrong now.
NO_REFUSAL: Final[dict[str, Any]] = {"refusal": None, "support_code": None}


async def open_session(
    *,
    person: Person,
    invitation: Invitation | None,
    mode: str,
    ownership: str,
    now: datetime,
    way: str | None = None,
) -> EnrollmentSession:
    """Open a session for somebody who has just signed in, and end the invitation's older ones that no Mac has joined.

    ``ownership``: "corporate" or "employee". ``way``: "ota" or "profile"; by default the invitation's, else that of the
    server property enrollment.delivery. The session inherits the invitation's rehearsal mark.
    """
    way = way or (invitation.way if invitation else None) or await properties.word("enrollment.delivery")
    minutes = await properties.number("enrollment.session.minutes")
    session = EnrollmentSession(
        person_id=person.id,
        invitation_id=invitation.id if invitation else None,
        mode=mode,
        ownership=ownership,
        way=way,
        rehearsal=invitation.rehearsal if invitation else False,
        opened_at=now,
        expires_at=now + timedelta(minutes=minutes),
    )
    async with transaction():
        if invitation:
            await _end_older(invitation, now)
        await session.save()
        await note("session.opened", now=now, about=about(session))
    return session


async def _end_older(invitation: Invitation, now: datetime) -> None:
    unjoined = Q(status=SessionStatus.OPENED) | Q(status=SessionStatus.CONFIGURED, way="profile")
    for older in await EnrollmentSession.filter(unjoined, invitation_id=invitation.id):
        await end_session(older, now=now, why="a new sign-in took its place")


async def expire_due(now: datetime) -> int:
    """End every session past its end and return how many there were. Safe to run anywhere, at any time, twice."""
    ended = 0
    for session in await EnrollmentSession.filter(status__in=LIVE, expires_at__lte=now).limit(1000):
        async with transaction():
            ended += await end_session(session, now=now, why="its time is over")
    return ended


async def check_live(session: EnrollmentSession, *, now: datetime) -> None:
    """Bring ``session`` up to date and see that it may take its next step.

    Raises SessionExpired; SessionClosed (refused, replaced by a new sign-in, or done); InvitationRevoked;
    PersonDisabled; InvitationRedeemed when another Mac was enrolled with the invitation. An invitation that expired or
    failed meanwhile does not stop a session.
    """
    await session.refresh_from_db()
    await check_seen_live(session, now=now)


async def check_seen_live(session: EnrollmentSession, *, now: datetime) -> None:
    """As ``check_live``, of a session that this transaction has locked and read already."""
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


async def check_person(session: EnrollmentSession) -> None:
    """See that the person of ``session`` is still let in. Raises PersonDisabled."""
    if await Person.exists(id=session.person_id, disabled=True):
        raise PersonDisabled("the user was disabled or deleted")


async def check_directory(desk: Desk, session: EnrollmentSession, *, now: datetime) -> None:
    """As ``check_person``, asking the person's directory; to be called outside a transaction."""
    if not await rechecks.is_still_allowed(desk, session.person_id, now=now):
        raise PersonDisabled("the user was disabled or deleted, here or in the directory")


async def mint_challenge(session: EnrollmentSession, purpose: str, *, now: datetime, expires_at: datetime) -> str:
    """Mint a one-time challenge for ``session`` and return it; only its SHA-256 is kept.

    ``purpose``: "ota", "ota-identity", "mdm-identity" or "renewal". 160 random bits in hexadecimal digits, which every
    client can carry in a PrintableString.
    """
    secret = secrets.token_hex(20)
    await Challenge(
        session_id=session.id, secret_hash=hash_token(secret), purpose=purpose, created_at=now, expires_at=expires_at
    ).save()
    return secret


async def keep_few_challenges(session: EnrollmentSession, purpose: str) -> None:
    """Remove unused challenges of ``purpose`` but the newest `MOST_UNUSED`: one is minted as often as somebody asks."""
    unused = Challenge.filter(session_id=session.id, purpose=purpose, used_at=None).order_by("-created_at", "id")
    over = await unused.offset(MOST_UNUSED).limit(MOST_UNUSED).values_list("id", flat=True)
    if over:
        await Challenge.filter(id__in=over).delete()


async def find_challenge(secret: str, purposes: Collection[str]) -> tuple[Challenge, EnrollmentSession] | None:
    """Return the challenge minted for one of ``purposes`` with its session, whatever became of it; None if none was."""
    challenge = await named_challenge(secret, purposes)
    return None if challenge is None else (challenge, await EnrollmentSession.get(id=challenge.session_id))


async def named_challenge(secret: str, purposes: Collection[str]) -> Challenge | None:
    """As ``find_challenge``, of the challenge alone: for who is about to take the session."""
    challenge = await statements.one(Challenge, secret_hash=hash_token(secret))
    return challenge if challenge is not None and challenge.purpose in purposes else None


async def use_challenge(
    secret: str,
    purposes: str | Collection[str],
    *,
    now: datetime,
) -> tuple[Challenge, EnrollmentSession]:
    """Use a challenge, once, and close its session's others of the same purpose; call it inside the step's transaction.

    The session comes back locked, as it is now. Raises ChallengeUnknown, or as ``use_named``.
    """
    wanted = (purposes,) if isinstance(purposes, str) else tuple(purposes)
    named = await named_challenge(secret, wanted)
    if named is None:
        raise ChallengeUnknown
    session = await take(named.session_id)
    await use_named(named, session, now=now)
    return named, session


async def use_named(
    named: Challenge,
    session: EnrollmentSession,
    *,
    now: datetime,
    transaction_id: str | None = None,
    key_hash: str | None = None,
    signer_hash: str | None = None,
    certificate_id: UUID | None = None,
) -> None:
    """As ``use_challenge``, of a challenge found before, whose ``session`` this transaction has taken.

    ``transaction_id``, ``key_hash`` and ``signer_hash`` name the SCEP request that uses it, ``certificate_id`` the row
    it is promised. One statement decides; why it changed no row is found out afterwards. Raises ChallengeUsed,
    ChallengeExpired, or as ``check_live`` when the challenge ended with its session.
    """
    used: dict[str, object] = {"used_at": now, "transaction_id": transaction_id, "key_hash": key_hash}
    used |= {"signer_hash": signer_hash, "certificate_id": certificate_id}
    if await statements.change(Challenge, used, id=named.id, used_at=None, closed_at=None, expires_at__gt=now) != 1:
        await refuse_challenge(named, now=now)
    named.update_from_dict(used)
    await close_challenges(session, now=now, purposes=(named.purpose,))


async def take(session_id: UUID) -> EnrollmentSession:
    """Lock a session's row until the transaction ends, and return it as it is now.

    Every step takes the session before its challenges, its Mac and its invitation, so that no two steps wait for one
    another in a ring. Raises SessionClosed when there is none any more.
    """
    session = await statements.one(EnrollmentSession, lock=True, id=session_id)
    if session is None:
        raise SessionClosed("the session was removed meanwhile")
    return session


async def refuse_challenge(challenge: Challenge, *, now: datetime) -> NoReturn:
    """Say why ``challenge`` is not to be used: raises as ``use_named``."""
    await challenge.refresh_from_db()
    if challenge.used_at is not None:
        raise ChallengeUsed
    if challenge.purpose != RENEWAL:
        # the better reason, if it is one
        await check_live(await EnrollmentSession.get(id=challenge.session_id), now=now)
    if challenge.closed_at is not None:
        raise ChallengeUsed("another download of the same sign-in was used")
    raise ChallengeExpired


async def bind(session: EnrollmentSession, *, udid: str, serial: str) -> None:
    """Bind ``session``, taken by this transaction, to one Mac for good; nothing happens when it is bound to it already.

    ``serial``: "" for a Mac that names none; a session keeps the first that was named. One compare-and-set on both.
    Raises DeviceMismatch when the session belongs to another Mac.
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
    """Tell whether two serial numbers are one: what cannot be seen, and upper or lower case, do not decide."""
    return identifier(one).casefold() == identifier(other).casefold()


async def check_serial(session: EnrollmentSession, serial: str) -> None:
    """See that the Mac with ``serial`` is the one the invitation was sent for, if it names one.

    Raises DeviceMismatch, also for a Mac that names none.
    """
    invitation = await Invitation.get(id=session.invitation_id) if session.invitation_id else None
    if invitation and invitation.serial and not same_serial(invitation.serial, serial):
        raise DeviceMismatch(f"serial {serial or 'not named'}, invited is {invitation.serial}")


async def check_free(udid: str, session: EnrollmentSession) -> None:
    """See that the Mac may be enrolled by the person of ``session``.

    Raises DeviceTaken when its current enrollment is somebody else's and no administrator released it.
    """
    device = await Device.get_or_none(udid=udid)
    if device is None or device.released:
        return
    others = Enrollment.filter(device_id=device.id, status=EnrollmentStatus.ENROLLED)
    if await others.exclude(person_id=session.person_id).exists():
        raise DeviceTaken
