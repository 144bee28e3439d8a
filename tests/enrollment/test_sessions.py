"""Sessions live, end and are bound to one Mac; challenges work once."""

import asyncio
from datetime import timedelta

import pytest

from otae.enrollment import sessions
from otae.errors import (
    ChallengeExpired,
    ChallengeUnknown,
    ChallengeUsed,
    DeviceMismatch,
    InvitationRedeemed,
    InvitationRevoked,
    Refusal,
    SessionClosed,
    SessionExpired,
)
from otae.store import database, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Challenge, EnrollmentSession, Event, Invitation
from tests.enrollment import lab

pytestmark = pytest.mark.anyio


async def use(secret: str, purpose: str = "ota") -> None:
    async with transaction():
        await sessions.use_challenge(secret, purpose, now=await database.now())


async def test_a_session_follows_property_invitation_and_caller_in_its_way(desk: Desk) -> None:
    now = await database.now()
    ben = await lab.person(now)
    ways = []
    for way, column in ((None, None), (None, "profile"), ("ota", "profile")):
        session = await sessions.open_session(
            person=ben,
            invitation=await lab.invitation(now, way=column),
            mode="username_password",
            ownership="corporate",
            way=way,
            now=now,
        )
        ways.append(session.way)
    assert ways == ["ota", "profile", "ota"]
    await properties.write("enrollment.delivery", "profile")
    alone = await sessions.open_session(
        person=ben, invitation=None, mode="username_password", ownership="employee", now=now
    )
    assert (alone.way, alone.rehearsal, alone.expires_at - now) == ("profile", False, timedelta(minutes=60))
    assert await lab.events(alone) == ["session.opened"]


async def test_a_rehearsal_invitation_marks_its_session(desk: Desk) -> None:
    assert (await lab.signed_in(desk, await database.now(), columns={"rehearsal": True})).rehearsal


async def test_signing_in_again_ends_only_sessions_that_no_mac_joined(desk: Desk) -> None:
    now = await database.now()
    invited = await lab.invitation(now)
    opened = await lab.signed_in(desk, now, of=invited)
    secret = await sessions.mint_challenge(opened, "ota", now=now, expires_at=opened.expires_at)
    joined = await lab.signed_in(desk, now, of=invited)
    await EnrollmentSession.filter(id=joined.id).update(status="identified")
    configured = await lab.signed_in(desk, now, of=invited, way="profile")
    await EnrollmentSession.filter(id=configured.id).update(status="configured")
    await lab.signed_in(desk, now, of=invited)
    states = {row.id: row.status for row in await EnrollmentSession.all()}
    assert (states[opened.id], states[joined.id], states[configured.id]) == ("expired", "identified", "expired")
    with pytest.raises(SessionClosed):
        await use(secret)


async def test_a_challenge_is_kept_as_a_hash_and_fits_a_printable_string(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    secret = await sessions.mint_challenge(session, "ota", now=now, expires_at=session.expires_at)
    assert secret.isascii()
    assert secret.isalnum()
    assert len(secret) == 40
    row = await Challenge.get()
    assert secret not in repr(row.__dict__)


async def test_twenty_at_once_use_a_challenge_once(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    secret = await sessions.mint_challenge(session, "ota", now=now, expires_at=session.expires_at)
    outcomes = await asyncio.gather(*(use(secret) for _ in range(20)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [ChallengeUsed] * 19


async def test_a_challenge_of_another_purpose_or_of_nobody_is_unknown(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    secret = await sessions.mint_challenge(session, "ota-identity", now=now, expires_at=session.expires_at)
    for attempt in (use(secret), use("0" * 40, "ota-identity"), use("", "ota-identity")):
        with pytest.raises(ChallengeUnknown):
            await attempt
    await use(secret, "ota-identity")


async def test_a_challenge_past_its_end_is_expired(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    secret = await sessions.mint_challenge(session, "ota", now=now, expires_at=now)
    with pytest.raises(ChallengeExpired):
        await use(secret)


async def test_the_first_challenge_used_closes_the_others_of_its_purpose(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    first, second, other = [
        await sessions.mint_challenge(session, purpose, now=now, expires_at=session.expires_at)
        for purpose in ("ota", "ota", "mdm-identity")
    ]
    await use(second)
    with pytest.raises(ChallengeUsed):
        await use(first)
    await use(other, "mdm-identity")


async def test_a_rolled_back_step_gives_the_challenge_back(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    secret = await sessions.mint_challenge(session, "ota", now=now, expires_at=session.expires_at)

    async def refused() -> None:
        async with transaction():
            await sessions.use_challenge(secret, "ota", now=now)
            raise DeviceMismatch

    with pytest.raises(DeviceMismatch):
        await refused()
    await use(secret)


async def test_a_session_is_bound_to_one_mac_for_good(desk: Desk) -> None:
    session = await lab.signed_in(desk, await database.now())
    await sessions.bind(session, udid="AAAA-1", serial="C1")
    await sessions.bind(session, udid="AAAA-1", serial="C1")
    for udid, serial in (("AAAA-2", "C1"), ("AAAA-1", "C2")):
        with pytest.raises(DeviceMismatch):
            await sessions.bind(session, udid=udid, serial=serial)
    row = await EnrollmentSession.get(id=session.id)
    assert (row.udid, row.serial) == ("AAAA-1", "C1")


async def test_of_many_macs_at_once_one_is_bound(desk: Desk) -> None:
    session = await lab.signed_in(desk, await database.now())
    tries = (sessions.bind(session, udid=f"AAAA-{n}", serial=f"C{n}") for n in range(10))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert outcomes.count(None) == 1


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"status": "revoked"}, InvitationRevoked),
        ({"status": "redeemed"}, InvitationRedeemed),
        ({"status": "expired"}, None),
        ({"status": "failed"}, None),
    ],
)
async def test_a_live_session_reads_its_invitation(
    desk: Desk, changes: dict[str, str], refusal: type[Refusal] | None
) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    await Invitation.filter(id=session.invitation_id).update(**changes)
    if refusal is None:
        await sessions.check_live(session, now=now)
        return
    with pytest.raises(refusal):
        await sessions.check_live(session, now=now)


async def test_a_session_past_its_end_is_expired_before_and_after_the_sweep(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    later = now + timedelta(minutes=60)
    with pytest.raises(SessionExpired):
        await sessions.check_live(session, now=later)
    assert await sessions.expire_due(now) == 0
    assert await sessions.expire_due(later) == 1
    assert await sessions.expire_due(later) == 0
    with pytest.raises(SessionExpired):
        await sessions.check_live(session, now=later)
    assert await Event.filter(session_id=session.id, kind="session.expired").count() == 1


@pytest.mark.parametrize(("way", "left"), [("ota", "configured"), ("profile", "expired")])
async def test_a_mac_that_has_joined_keeps_its_session_when_somebody_signs_in_again(
    desk: Desk, way: str, left: str
) -> None:
    now = await database.now()
    invitation = await lab.invitation(now)
    ben = await lab.person(now)

    async def sign_in() -> EnrollmentSession:
        return await sessions.open_session(
            person=ben, invitation=invitation, mode=invitation.mode, ownership="corporate", now=now, way=way
        )

    older = await sign_in()
    await EnrollmentSession.filter(id=older.id).update(status="configured")
    await sign_in()
    assert (await EnrollmentSession.get(id=older.id)).status == left
