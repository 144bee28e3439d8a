"""How far a session has come, as the person before the Mac is told it."""

from datetime import UTC, datetime, timedelta

import pytest

from otae.enrollment.progress import EnrollmentStep, SessionEnd, refusal_phrase, session_progress
from otae.errors import DeviceTaken, SlowDown
from otae.store.models import EnrollmentSession, Invitation

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
