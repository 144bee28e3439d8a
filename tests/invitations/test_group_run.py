"""Inviting a group by a command: it holds its order, and obeys what workers obey."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from otae.errors import StaleState
from otae.invitations import group_run, group_worker, groups
from otae.invitations.groups import GroupOrder, Status
from otae.invitations.terms import InvitationTerms
from otae.store import database, leases
from otae.store.desk import Desk
from otae.store.models import Delivery, GroupInvitation, Invitation
from tests.invitations.crowds import crowd, work

pytestmark = pytest.mark.anyio


async def run(
    desk: Desk, clock: Callable[[], Awaitable[datetime]] = database.now, *, show_pin: bool = False
) -> list[dict[str, object]]:
    order = GroupOrder("sales", InvitationTerms(mode="username_pin"), key="autumn")
    return [each async for each in group_run.run(desk, order, clock=clock, actor="ada", show_pin=show_pin)]


async def test_no_further_wave_is_made_while_as_many_messages_wait_as_may_and_a_worker_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_worker, "BATCH", 2)
    monkeypatch.setattr(group_worker, "UNSENT", 4)
    await crowd(6)
    told = await run(desk)
    assert [member["status"] for member in told] == ["pending", "pending", "waiting", "waiting", "waiting", "waiting"]
    row = await GroupInvitation.get()
    assert (row.status, row.lease_until, await Delivery.all().count()) == (Status.EXPANDING, None, 4)
    assert await groups.waiting(await database.now()) == [row.id]
    await Delivery.all().update(status="sent")
    await work(desk, row)
    assert await Invitation.all().count() == 4


async def test_where_pins_are_shown_it_waits_until_messages_were_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_worker, "BATCH", 2)
    monkeypatch.setattr(group_worker, "UNSENT", 4)
    monkeypatch.setattr(group_run, "POLL_SECONDS", 0)
    await crowd(4)
    seen: list[int] = []

    async def sending() -> datetime:
        """Be the clock, and the worker that sends what waits once it was seen to be as much as may."""
        seen.append(await Delivery.filter(status="queued").count())
        if seen[-2:] == [4, 4]:
            await Delivery.all().update(status="sent")
        return await database.now()

    told = await run(desk, sending, show_pin=True)
    assert all(len(str(member["pin"])) == 8 for member in told)
    assert max(seen) == 4


async def test_a_command_holds_its_order_however_long_it_takes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it takes several leases; a worker that looks in between finds nothing to take."""
    monkeypatch.setattr(group_worker, "BATCH", 1)
    monkeypatch.setattr(group_worker, "PAGE", 2)
    await crowd(5)
    began, asked = await database.now(), 0

    async def clock() -> datetime:
        nonlocal asked
        now = began + asked * (leases.LEASE / 4)
        asked += 1
        if row := await GroupInvitation.first():
            assert await groups.claim(row.id, now) is None
        return now

    await run(desk, clock)
    assert asked > 5
    assert await Invitation.all().count() == 5


async def test_a_worker_holds_its_order_from_wave_to_wave(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second batch begins when the lease of the step is over, and no other worker may begin it too."""
    monkeypatch.setattr(group_worker, "BATCH", 2)
    await crowd(4)
    now = await database.now()
    row = await work(
        desk, await groups.order(desk, GroupOrder("sales", InvitationTerms(mode="username_pin")), now=now, actor="ada")
    )
    await groups.start(desk, row, now=now, actor="ada")
    real, rivals, ticks = group_worker.invite_batch, [], iter(range(0, 1000, 50))
    monkeypatch.setattr(group_worker, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    monkeypatch.setattr(group_worker, "STEP_SECONDS", 1000)

    async def beside(*args: Any, now: datetime, **more: Any) -> object:  # noqa: ANN401 - passed through
        rivals.append(await groups.claim(row.id, now))
        return await real(*args, now=now, **more)

    monkeypatch.setattr(group_worker, "invite_batch", beside)
    await group_worker.step(desk, row.id, now=now)
    assert rivals == [None] * 3
    assert await Invitation.all().count() == 4


async def test_a_row_that_is_held_on_to_is_nobody_elses_for_a_lease_from_then(desk: Desk) -> None:
    await crowd(1)
    now = await database.now()
    row = await groups.order(desk, GroupOrder("sales", InvitationTerms(mode="username_pin")), now=now, actor="ada")
    held = await leases.claim(GroupInvitation, row.id, groups.MOVING, now)
    assert held is not None
    later = now + leases.LEASE - timedelta(seconds=1)
    await leases.extend(held, later)
    after = now + leases.LEASE + timedelta(seconds=1)
    takers = [leases.claim(GroupInvitation, row.id, groups.MOVING, after) for _ in range(5)]
    assert await asyncio.gather(*takers) == [None] * 5
    end = later + leases.LEASE + timedelta(seconds=1)
    assert (
        len(
            [
                taken
                for taken in await asyncio.gather(
                    *(leases.claim(GroupInvitation, row.id, groups.MOVING, end) for _ in range(5))
                )
                if taken
            ]
        )
        == 1
    )


@pytest.mark.parametrize("show_pin", [True, False])
async def test_a_command_that_inviting_was_taken_from_ends_and_tells_the_pins_it_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, show_pin: bool
) -> None:
    monkeypatch.setattr(group_worker, "BATCH", 2)
    await crowd(4)

    async def paused() -> datetime:
        """Be the clock, and the worker that took over before the lease was extended behind the first batch."""
        now = await database.now()
        if await Invitation.all().count() == 2:
            await GroupInvitation.all().update(lease_until=now + 2 * leases.LEASE)
        return now

    if show_pin:
        told = await run(desk, paused, show_pin=True)
        assert [bool(member.get("pin")) for member in told] == [True, True, False, False]
    else:
        with pytest.raises(StaleState):
            await run(desk, paused)
    assert (await GroupInvitation.get()).lease_until is not None
    assert await Invitation.all().count() == 2
