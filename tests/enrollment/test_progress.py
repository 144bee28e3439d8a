"""How far a session has come, as the person before the Mac is told it."""

from datetime import UTC, datetime, timedelta

import pytest

from otae.enrollment.progress import EnrollmentStep, SessionEnd, read_progress, refusal_phrase, session_progress
from otae.errors import DeviceTaken, SlowDown
from otae.store.models import EnrollmentSession, Event, Invitation

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def session(
    way: str = "ota",
    status: str = "opened",
    *,
    invitation: Invitation | None = None,
    expires_at: datetime = NOW + timedelta(hours=1),
    **columns: object,
) -> EnrollmentSession:
    """Make a session with its invitation fetched; both are in no database."""
    row = EnrollmentSession(way=way, status=status, opened_at=NOW, expires_at=expires_at, **columns)
    # The attribute of a relation, whether the ORM has prepared the class in this process already or not.
    vars(row).update(invitation=invitation, _invitation=invitation)
    return row


@pytest.mark.parametrize(
    ("way", "status", "done"),
    [
        ("ota", "opened", 0),
        ("ota", "identified", 3),
        ("ota", "certified", 4),
        ("ota", "configured", 4),
        ("ota", "enrolled", 5),
        ("profile", "opened", 0),
        ("profile", "configured", 1),
        ("profile", "certified", 3),
        ("profile", "enrolled", 4),
    ],
)
def test_steps_are_done_in_the_order_of_the_way(way: str, status: str, done: int) -> None:
    assert session_progress(session(way, status), now=NOW).done == done


def test_the_single_profile_has_no_step_where_the_mac_answers() -> None:
    assert EnrollmentStep.ANSWER not in session_progress(session("profile"), now=NOW).steps


def test_a_download_is_a_step_of_its_own() -> None:
    assert session_progress(session(profile_fetched_at=NOW), now=NOW).done == 1


@pytest.mark.parametrize(
    ("row", "end"),
    [
        (session(), None),
        (session(status="enrolled"), SessionEnd.ENROLLED),
        (session(status="refused"), SessionEnd.REFUSED),
        (session(status="expired", closed_at=NOW), SessionEnd.REPLACED),
        (session(status="expired", closed_at=NOW + timedelta(hours=2)), SessionEnd.EXPIRED),
        (session(expires_at=NOW), SessionEnd.EXPIRED),
        (session(status="expired", closed_at=NOW, invitation=Invitation(status="redeemed")), SessionEnd.USED),
    ],
    ids=str,
)
def test_a_session_ends_for_one_reason(row: EnrollmentSession, end: SessionEnd | None) -> None:
    assert session_progress(row, now=NOW).end is end


def test_a_withdrawn_invitation_ends_the_session() -> None:
    assert session_progress(session(invitation=Invitation(status="revoked")), now=NOW).end is SessionEnd.REVOKED


def test_the_mark_changes_with_every_step_and_with_every_refusal() -> None:
    rows = [
        session(),
        session(profile_fetched_at=NOW),
        session(support_code="K7QX2", refusal="challenge-used"),
        session(status="identified"),
        session(status="refused"),
        session(expires_at=NOW),
    ]
    assert len({session_progress(row, now=NOW).mark for row in rows}) == len(rows)


def test_every_code_has_its_words() -> None:
    assert refusal_phrase(DeviceTaken.code) == DeviceTaken.words
    assert refusal_phrase(SlowDown.code) == SlowDown.words
    assert refusal_phrase(None) == ""
    assert refusal_phrase("no-such-code")


@pytest.mark.anyio
@pytest.mark.usefixtures("desk")
async def test_trusting_the_root_is_the_first_step_where_macs_do_not_know_the_certificate() -> None:
    told = await read_progress(session(), trust=True, now=NOW)
    assert (told.steps[:2], told.done) == ((EnrollmentStep.TRUST, EnrollmentStep.DOWNLOAD), 0)
    assert (await read_progress(session(profile_fetched_at=NOW), trust=True, now=NOW)).done == 2
    assert (await read_progress(session(status="enrolled"), trust=True, now=NOW)).done == 6
    assert EnrollmentStep.TRUST not in (await read_progress(session(), trust=False, now=NOW)).steps


@pytest.mark.anyio
@pytest.mark.usefixtures("desk")
async def test_the_timeline_says_what_was_downloaded_and_when_something_happened_last() -> None:
    row, soon = session(), NOW + timedelta(minutes=1)
    before = await read_progress(row, trust=True, now=soon)
    assert (before.root_fetched, before.quiet) == (False, False)
    await Event.create(at=soon, kind="root.fetched", session_id=row.id)
    after = await read_progress(row, trust=True, now=soon + timedelta(seconds=119))
    assert (after.root_fetched, after.quiet) == (True, False)
    quiet = await read_progress(row, trust=True, now=soon + timedelta(seconds=120))
    assert quiet.quiet
    assert len({before.mark, after.mark, quiet.mark}) == 3


@pytest.mark.anyio
@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    "row",
    [session(status="enrolled"), session(status="certified", refusal="scep-challenge", support_code="K7QX2")],
    ids=["end", "refusal"],
)
async def test_nothing_is_waited_for_after_the_end_or_a_refusal(row: EnrollmentSession) -> None:
    assert not (await read_progress(row, trust=True, now=NOW + timedelta(minutes=30))).quiet
