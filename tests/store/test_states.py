"""What may follow what: every state is known, nothing leads out of an end, and no other move is made."""

from uuid import uuid4

import pytest

from otae.store import database, states
from otae.store.desk import Desk
from otae.store.models import Event, Invitation
from otae.store.records import StatefulRow, advance
from otae.store.states import MOVES, InvitationStatus
from tests.enrollment import lab

pytestmark = pytest.mark.anyio

#: Where each kind of row begins, and where it ends.
ENDS = {
    "Invitation": ("pending", {"redeemed", "revoked"}),
    "Delivery": ("queued", {"bounced", "cancelled"}),
    "Approval": ("waiting", set()),
    "EnrollmentSession": ("opened", {"enrolled", "refused", "expired"}),
    "Enrollment": ("authenticated", {"unenrolled"}),
    "Command": ("queued", {"acknowledged", "error"}),
    "GroupInvitation": ("reading", {"done", "cancelled"}),
    "Campaign": ("draft", {"ended"}),
    "PeopleImport": ("reading", {"done", "cancelled"}),
    "Job": ("queued", {"done", "failed"}),
}
ENUMS = {
    kind: {str(each) for each in getattr(states, name)}
    for kind, name in zip(
        ENDS,
        (
            "InvitationStatus",
            "DeliveryStatus",
            "ApprovalStatus",
            "SessionStatus",
            "EnrollmentStatus",
            "CommandStatus",
            "GroupInvitationStatus",
            "CampaignStatus",
            "ImportStatus",
            "JobStatus",
        ),
        strict=True,
    )
}


@pytest.mark.parametrize("kind", MOVES, ids=lambda kind: kind.__name__)
def test_every_state_is_reached_from_the_beginning_and_an_end_is_left_by_nothing(kind: type) -> None:
    moves = {str(state): {str(each) for each in after} for state, after in MOVES[kind].items()}
    begin, ends = ENDS[kind.__name__]
    assert set(moves) == ENUMS[kind.__name__]
    assert {state for state, after in moves.items() if not after} == ends
    reached = {begin}
    while more := {each for state in reached for each in moves[state]} - reached:
        reached |= more
    assert reached == set(moves)


@pytest.mark.parametrize("before", list(InvitationStatus))
async def test_a_move_that_is_none_is_refused_and_changes_nothing(sqlite_desk: Desk, before: InvitationStatus) -> None:
    now = await database.now()
    for after in set(InvitationStatus) - MOVES[Invitation][before]:
        row = await lab.invitation(now, status=before, token_hash=uuid4().hex)
        with pytest.raises(ValueError, match="is not a move"):
            await advance(row, after, event="invitation.changed", now=now)
        assert (await Invitation.get(id=row.id)).status == row.status == before
    for allowed in MOVES[Invitation][before]:
        row = await lab.invitation(now, status=before, token_hash=uuid4().hex)
        await advance(row, allowed, event="invitation.changed", now=now)
        assert (await Invitation.get(id=row.id)).status == row.status == allowed
    assert await Event.all().count() == len(MOVES[Invitation][before])


def test_every_row_that_moves_has_its_moves() -> None:
    listed = set(MOVES)
    assert {kind for kind in StatefulRow.__args__ if isinstance(kind, type)} == listed
