"""A sign-in is ended together with its challenges, once, and only while a Mac is still to come."""

from datetime import timedelta

import pytest

from otae.enrollment import sessions
from otae.errors import Refusal
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Challenge, EnrollmentSession
from otae.store.session_ends import LIVE, close_challenges, end_session, end_sessions_of
from otae.store.states import MOVES, SessionStatus
from tests.enrollment import lab

pytestmark = pytest.mark.anyio


def test_a_session_is_live_as_long_as_it_moves() -> None:
    assert set(LIVE) == {state for state, after in MOVES[EnrollmentSession].items() if after}


async def test_its_challenge_ends_with_it_and_it_ends_once(desk: Desk) -> None:
    now = await database.now()
    session, other = await lab.signed_in(desk, now), await lab.signed_in(desk, now, "cleo")
    until = now + timedelta(hours=1)
    secret = await sessions.mint_challenge(session, "ota", now=now, expires_at=until)
    theirs = await sessions.mint_challenge(other, "ota", now=now, expires_at=until)
    stale = await EnrollmentSession.get(id=session.id)
    async with database.transaction():
        assert await end_session(session, now=now, why="gone")
        assert not await end_session(stale, now=now + timedelta(seconds=1), why="again")
    row = await EnrollmentSession.get(id=session.id)
    assert (row.status, row.closed_at) == ("expired", now)
    assert (await lab.events(session)).count("session.expired") == 1
    with pytest.raises(Refusal):
        await sessions.use_challenge(secret, "ota", now=now)
    await sessions.use_challenge(theirs, "ota", now=now)


async def test_every_live_session_of_the_named_people_ends_and_nobody_elses(desk: Desk) -> None:
    now = await database.now()
    for status in SessionStatus:
        row = await lab.signed_in(desk, now)
        await EnrollmentSession.filter(id=row.id).update(status=status)
    other = await lab.signed_in(desk, now, "cleo")
    ben = await lab.person(now)
    assert await end_sessions_of([ben.id], now=now, why="gone") == len(LIVE)
    assert await end_sessions_of([ben.id], now=now, why="gone") == await end_sessions_of([], now=now, why="") == 0
    left = [row.status for row in await EnrollmentSession.filter(person_id=ben.id)]
    assert sorted(left) == sorted(["enrolled", "refused", *["expired"] * (len(LIVE) + 1)])
    assert (await EnrollmentSession.get(id=other.id)).status == "opened"


async def test_only_unused_challenges_of_the_named_purposes_are_closed(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    until = now + timedelta(hours=1)
    used = await sessions.mint_challenge(session, "ota", now=now, expires_at=until)
    await sessions.use_challenge(used, "ota", now=now)
    for purpose in ("ota", "ota-identity", "mdm-identity"):
        await sessions.mint_challenge(session, purpose, now=now, expires_at=until)

    async def closed() -> set[str]:
        rows = await Challenge.filter(session_id=session.id, used_at=None, closed_at__not_isnull=True)
        return {row.purpose for row in rows}

    before = await closed()
    await close_challenges(session, now=now, purposes=["ota-identity"])
    assert await closed() - before == {"ota-identity"} - before
    await close_challenges(session, now=now + timedelta(minutes=1))
    assert await closed() == {"ota", "ota-identity", "mdm-identity"}
    first = await Challenge.get(session_id=session.id, purpose="ota-identity")
    assert first.closed_at == now, "what was closed stays as it was"
