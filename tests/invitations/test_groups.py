"""A group invitation: ordered, looked up, started, paused, cancelled."""

from datetime import timedelta
from functools import partial

import pytest

from otae.errors import InputRefused, StaleState
from otae.invitations import group_worker, groups
from otae.invitations.groups import GroupOrder, Status
from otae.invitations.terms import InvitationTerms
from otae.store import database, leases
from otae.store.audit_entries import AuditFilter, list_entries
from otae.store.desk import Desk
from otae.store.models import Delivery, Enrollment, GroupInvitation, GroupInvitee, Invitation, Person
from tests.desks import RecordingBell
from tests.invitations.crowds import crowd, invited, join, looked_up, ordered, rows_of, work
from tests.invitations.guests import add_person, invite
from tests.store.furnish import furnish

pytestmark = pytest.mark.anyio


async def test_a_dry_run_says_of_everybody_whether_and_why_not(desk: Desk) -> None:
    await add_person(desk, "ben")
    await add_person(desk, "cleo", email=None)
    await add_person(desk, "dora", password=None)
    await add_person(desk, "eli")
    await Person.filter(name="eli").update(disabled=True)
    await invite(desk, "two_factor", user="fay")
    await join(await Person.all())
    row = await looked_up(desk, mode="two_factor")
    assert await rows_of(row.id) == {
        "ben": ("waiting", ""),
        "cleo": ("skipped", "no-email"),
        "dora": ("skipped", "no-password"),
        "eli": ("skipped", "disabled"),
        "fay": ("skipped", "pending"),
    }
    assert row.found == 5


async def test_who_has_an_enrolled_mac_is_skipped_unless_asked_for(desk: Desk) -> None:
    await furnish(desk)
    assert await Enrollment.filter(person__name="ben", status="enrolled").exists()
    await Invitation.all().update(status="revoked")
    assert await rows_of((await looked_up(desk)).id) == {"ben": ("skipped", "enrolled")}
    assert await rows_of((await looked_up(desk, include_enrolled=True)).id) == {"ben": ("waiting", "")}


async def test_an_invitation_past_its_end_does_not_count_as_pending(desk: Desk) -> None:
    old = await invite(desk, "username_pin", now=await database.now() - timedelta(days=2))
    await join([await Person.get(name="ben")])
    assert old.invitation.status == "pending"
    assert await rows_of((await looked_up(desk)).id) == {"ben": ("waiting", "")}


async def test_a_dry_run_invites_and_mails_nobody(desk: Desk) -> None:
    await crowd(3)
    row = await looked_up(desk)
    await work(desk, row)
    assert not await Invitation.exists()
    assert not await Delivery.exists()


async def test_a_group_larger_than_a_page_is_looked_up_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_worker, "PAGE", 4)
    await crowd(10)
    row = await looked_up(desk)
    found = await GroupInvitee.filter(group_invitation_id=row.id).order_by("number").values_list("number", "name")
    assert found == [(at, f"p{at:04}") for at in range(1, 11)]


async def test_two_workers_look_a_page_up_once(desk: Desk) -> None:
    await crowd(3)
    seen = await ordered(desk)
    slow = await GroupInvitation.get(id=seen.id)
    await group_worker.look_up(desk, seen, now=await database.now())
    with pytest.raises(StaleState):
        await group_worker.look_up(desk, slow, now=await database.now())
    assert await GroupInvitee.all().count() == 3


async def test_an_empty_group_is_ready_with_nobody(desk: Desk) -> None:
    await join([])
    assert (await looked_up(desk)).found == 0


async def test_the_same_key_is_the_same_order_and_invites_nobody_twice(desk: Desk) -> None:
    await crowd(3)
    first = await invited(desk, key="autumn", mode="username_pin")
    again = await ordered(desk, key="autumn", mode="username_pin")
    assert again.id == first.id
    await work(desk, again)
    assert await Invitation.all().count() == 3


async def test_a_key_is_not_taken_for_another_order(desk: Desk) -> None:
    await crowd(1)
    await ordered(desk, key="autumn")
    with pytest.raises(InputRefused) as refused:
        await ordered(desk, key="autumn", mode="two_factor")
    assert set(refused.value.fields) == {"key"}


async def test_everything_that_is_wrong_with_an_order_is_named(desk: Desk) -> None:
    wrong = GroupOrder(
        "nowhere", InvitationTerms(mode="odd", ownership="odd", platform="odd", way="odd"), key="k" * 101
    )
    with pytest.raises(InputRefused) as refused:
        await groups.order(desk, wrong, now=await database.now(), actor="ada")
    assert set(refused.value.fields) == {"group", "key", "mode", "ownership", "platform", "way"}


async def test_a_paused_order_makes_no_further_wave_and_goes_on_where_it_stopped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_worker, "BATCH", 2)
    monkeypatch.setattr(group_worker, "STEP_SECONDS", 0)  # a batch a step
    await crowd(5)
    row, now = await looked_up(desk), await database.now()
    await groups.start(desk, row, now=now, actor="ada")
    row = await work(desk, row, steps=1)
    await groups.pause(row, now=now, actor="ada")
    await work(desk, row)
    assert await Invitation.all().count() == 2
    await groups.resume(desk, row, now=now, actor="ada")
    assert (await work(desk, row)).status == Status.SENDING
    assert await Invitation.all().count() == 5


async def test_an_order_paused_while_a_step_makes_wave_after_wave_stops_before_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_worker, "BATCH", 2)
    await crowd(5)
    row, now = await looked_up(desk), await database.now()
    await groups.start(desk, row, now=now, actor="ada")

    async def pausing(_: GroupInvitation) -> int:
        if await Invitation.all().count() == 2:
            await groups.pause(await GroupInvitation.get(id=row.id), now=now, actor="ada")
        return 0

    monkeypatch.setattr(group_worker, "unsent", pausing)
    row = await work(desk, row)
    assert (row.status, await Invitation.all().count()) == (Status.PAUSED, 2)


async def test_a_wave_under_way_when_it_is_cancelled_invites_nobody(desk: Desk) -> None:
    await crowd(2)
    row, now = await looked_up(desk), await database.now()
    await groups.start(desk, row, now=now, actor="ada")
    seen = await GroupInvitation.get(id=row.id)
    await groups.cancel(row, now=now, actor="ada")
    with pytest.raises(StaleState):
        await group_worker.invite_batch(desk, seen, now=now)
    assert not await Invitation.exists()
    assert await rows_of(row.id) == {"p0001": ("waiting", ""), "p0002": ("waiting", "")}


async def test_what_has_ended_cannot_be_moved(desk: Desk) -> None:
    await crowd(1)
    row, now = await looked_up(desk), await database.now()
    await groups.cancel(row, now=now, actor="ada")
    for change in (partial(groups.start, desk), groups.pause, partial(groups.resume, desk), groups.cancel):
        with pytest.raises(StaleState):
            await change(row, now=now, actor="ada")


async def test_who_did_what_is_in_the_audit_log(desk: Desk) -> None:
    await crowd(1)
    row, now = await looked_up(desk), await database.now()
    await groups.start(desk, row, now=now, actor="ada")
    await groups.pause(row, now=now, actor="ada")
    await groups.resume(desk, row, now=now, actor="ada")
    await groups.cancel(row, now=now, actor="ada")
    told = [entry.action.partition(".")[2] for entry in await list_entries(AuditFilter(search=str(row.id)))]
    assert told == ["cancelled", "resumed", "paused", "started", "ordered"]


async def test_an_order_whose_worker_died_is_found_after_its_lease(desk: Desk, bell: RecordingBell) -> None:
    await crowd(1)
    row, now = await ordered(desk), await database.now()
    assert ("group", row.id) in bell.rung
    assert await groups.claim(row.id, now) is not None
    assert await groups.claim(row.id, now) is None
    assert await groups.waiting(now) == []
    later = now + leases.LEASE + timedelta(seconds=1)
    assert await groups.waiting(later) == [row.id]
    assert await groups.claim(row.id, later) is not None
