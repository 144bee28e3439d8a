"""How far a session has come, as the person before the Mac is told it."""

from datetime import UTC, datetime, timedelta

import pytest

from otae.enrollment.progress import End, Step, standing, words_of
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
    assert standing(session(way, status), now=NOW).done == done


def test_the_single_profile_has_no_step_where_the_mac_answers() -> None:
    assert Step.ANSWER not in standing(session("profile"), now=NOW).steps


def test_a_download_is_a_step_of_its_own() -> None:
    assert standing(session(profile_fetched_at=NOW), now=NOW).done == 1


@pytest.mark.parametrize(
    ("row", "end"),
    [
        (session(), None),
        (session(status="enrolled"), End.ENROLLED),
        (session(status="refused"), End.REFUSED),
        (session(status="expired", closed_at=NOW), End.REPLACED),
        (session(status="expired", closed_at=NOW + timedelta(hours=2)), End.EXPIRED),
        (session(expires_at=NOW), End.EXPIRED),
    ],
    ids=str,
)
def test_a_session_ends_for_one_reason(row: EnrollmentSession, end: End | None) -> None:
    assert standing(row, now=NOW).end is end


def test_a_withdrawn_invitation_ends_the_session() -> None:
    assert standing(session(invitation=Invitation(status="revoked")), now=NOW).end is End.REVOKED


def test_the_mark_changes_with_every_step_and_with_every_refusal() -> None:
    rows = [
        session(),
        session(profile_fetched_at=NOW),
        session(support_code="K7QX2", refusal="challenge-used"),
        session(status="identified"),
        session(status="refused"),
        session(expires_at=NOW),
    ]
    assert len({standing(row, now=NOW).mark for row in rows}) == len(rows)


def test_every_code_has_its_words() -> None:
    assert words_of(DeviceTaken.code) == DeviceTaken.words
    assert words_of(SlowDown.code) == SlowDown.words
    assert words_of(None) == ""
    assert words_of("no-such-code")
