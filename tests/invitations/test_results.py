"""How far a group invitation is, what became of each person, and the same as CSV."""

from datetime import timedelta

import pytest

from otae.delivery.queue import outbox
from otae.directory.files import spreadsheets
from otae.invitations import groups, results
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation, Person
from tests.invitations.crowds import crowd, invited, looked_up, work

pytestmark = pytest.mark.anyio


async def names(desk: Desk, row: groups.GroupInvitationRow, show: str) -> list[str]:
    return [each.invitee.name for each in await results.results(row, show=show)]


async def test_what_is_counted_adds_up_at_every_step(desk: Desk) -> None:
    people = await crowd(3)
    await Person.filter(id=people[0].id).update(email=None)
    row, now = await looked_up(desk), await database.now()
    before = await results.progress(row, now=now)
    assert (before.found, before.waiting, before.invited, before.reasons) == (3, 2, 0, {"no-email": 1})
    assert (before.expected, before.finished, before.time_left) == (4, 0, None)
    await groups.start(desk, row, now=now, actor="ada")
    row = await work(desk, row)
    one = await Delivery.filter(kind="url").first()
    assert one is not None
    await outbox.deliver(desk, one.id, now=await database.now())
    during = await results.progress(row, now=await database.now())
    assert (during.waiting, during.invited, during.skipped) == (0, 2, 1)
    assert (during.expected, during.finished, during.sent, during.messages["queued"]) == (4, 1, 1, 3)
    assert during.rate > 0
    assert during.time_left is not None
    for each in await Delivery.filter(status="queued"):
        await outbox.deliver(desk, each.id, now=await database.now())
    after = await results.progress(await work(desk, row), now=await database.now())
    assert (after.finished, after.sent, after.time_left) == (4, 4, None)


async def test_what_a_server_put_off_does_not_hold_the_time_left(desk: Desk) -> None:
    await crowd(3)
    row, now = await invited(desk), await database.now()
    first, second, *_ = await Delivery.filter(kind="url").order_by("id")
    await outbox.deliver(desk, first.id, now=now)
    at = now + timedelta(minutes=5)
    await Delivery.filter(id=second.id).update(next_try_at=at, attempt=1)
    counted = await results.progress(row, now=await database.now())
    assert (counted.deferred, counted.next_try, counted.messages["queued"]) == (1, at, 5)
    assert counted.time_left is not None
    await Delivery.filter(status="queued").update(next_try_at=at, attempt=1)
    assert (await results.progress(row, now=await database.now())).time_left is None


async def test_a_pin_that_is_handed_over_is_no_message(desk: Desk) -> None:
    await crowd(1)
    row = await invited(desk)
    await type(row).filter(id=row.id).update(pin_channel="card")
    await row.refresh_from_db()
    assert (await results.progress(row, now=await database.now())).expected == 1


async def test_nothing_sent_expects_no_message(desk: Desk) -> None:
    await crowd(1)
    row = await invited(desk, send=False)
    assert (await results.progress(row, now=await database.now())).expected == 0


async def test_the_list_is_narrowed_and_paged(desk: Desk) -> None:
    people = await crowd(5)
    await Person.filter(id=people[0].id).update(email=None)
    row = await invited(desk)
    assert await names(desk, row, "skipped") == ["p0001"]
    assert await names(desk, row, "invited") == ["p0002", "p0003", "p0004", "p0005"]
    await Invitation.filter(person_id=people[1].id).update(status="redeemed")
    await Delivery.filter(invitation__person_id=people[2].id, kind="url").update(status="failed", answer="550 no")
    assert await names(desk, row, "redeemed") == ["p0002"]
    (failed,) = await results.results(row, show="failed")
    assert (failed.invitee.name, failed.mail, failed.answer) == ("p0003", "failed", "550 no")
    # A PIN that came back counts as well, a message that was sent anew since no more, and each person once.
    await Delivery.filter(invitation__person_id__in=[people[2].id, people[3].id], kind="pin").update(
        status="bounced", answer="551 gone"
    )
    await Delivery.filter(invitation__person_id=people[4].id).update(status="failed")
    await Invitation.filter(person_id=people[4].id).update(generation=2)
    shown = await results.results(row, show="failed")
    assert [(each.invitee.name, each.pin, each.pin_answer) for each in shown] == [
        ("p0003", "bounced", "551 gone"),
        ("p0004", "bounced", "551 gone"),
    ]
    first = await results.results(row, limit=2)
    second = await results.results(row, after=first[-1].invitee.number, limit=2)
    assert [each.invitee.name for each in first + second] == ["p0001", "p0002", "p0003", "p0004"]


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\0x"])
def test_a_cell_that_would_be_calculated_is_text(cell: str) -> None:
    assert spreadsheets.escape_formula(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "ben", "1-2", "a=b", "ben@example.test", "'=1"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert spreadsheets.escape_formula(cell) == cell
