"""A row is one worker's at a time, and a worker that was paused for too long takes nothing from the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from otae.errors import StaleState
from otae.store import database, leases
from otae.store.desk import Desk
from otae.store.models import GroupInvitation, Job, PeopleImport

pytestmark = pytest.mark.anyio

Held = GroupInvitation | Job | PeopleImport


async def order(now: datetime) -> GroupInvitation:
    row = GroupInvitation(key="k", name="sales", mode="username_pin", ownership="corporate", status="expanding")
    row.created_by, row.created_at = "ada", now
    await row.save(force_create=True)
    return row


async def job(now: datetime) -> Job:
    row = Job(kind="rehearsal", created_by="ada", created_at=now)
    await row.save(force_create=True)
    return row


async def file(now: datetime) -> PeopleImport:
    row = PeopleImport(kind="users", file_name="people.csv", encoding="utf-8", created_by="ada", created_at=now)
    await row.save(force_create=True)
    return row


async def claimed(row: Held, now: datetime) -> Held | None:
    """Claim a row as it stands, whatever it is."""
    if isinstance(row, Job):
        return await leases.claim(Job, row.id, ["queued"], now)
    if isinstance(row, PeopleImport):
        return await leases.claim(PeopleImport, row.id, ["reading"], now)
    return await leases.claim(GroupInvitation, row.id, ["expanding"], now)


async def lease_of(row: Held) -> datetime | None:
    return (await type(row).get(id=row.id)).lease_until


each_kind = pytest.mark.parametrize("make", [order, job, file])


@each_kind
async def test_a_paused_workers_end_leaves_the_lease_of_the_next_one(
    desk: Desk, make: Callable[[datetime], Awaitable[Held]]
) -> None:
    now = await database.now()
    row = await make(now)
    first = await claimed(row, now)
    later = now + leases.LEASE + timedelta(seconds=1)
    second = await claimed(row, later)
    assert first is not None
    assert second is not None
    await leases.give_back(first)
    assert await lease_of(row) == later + leases.LEASE
    assert await claimed(row, later) is None
    with pytest.raises(StaleState):
        await leases.extend(first, later)
    await leases.extend(second, later + timedelta(seconds=1))
    assert await lease_of(row) == later + timedelta(seconds=1) + leases.LEASE
    await leases.give_back(second)
    assert await lease_of(row) is None
    with pytest.raises(StaleState):
        await leases.extend(second, later)
    assert await lease_of(row) is None
    assert await claimed(row, later) is not None


@each_kind
async def test_one_of_many_has_it(desk: Desk, make: Callable[[datetime], Awaitable[Held]]) -> None:
    now = await database.now()
    row = await make(now)
    takers = await asyncio.gather(*(claimed(row, now) for _ in range(8)))
    assert len([each for each in takers if each is not None]) == 1
    later = now + leases.LEASE + timedelta(seconds=1)
    takers = await asyncio.gather(*(claimed(row, later) for _ in range(8)))
    assert len([each for each in takers if each is not None]) == 1


@each_kind
async def test_a_lease_that_ran_out_is_kept_while_nobody_else_took_the_row(
    desk: Desk, make: Callable[[datetime], Awaitable[Held]]
) -> None:
    now = await database.now()
    row = await make(now)
    held = await claimed(row, now)
    assert held is not None
    later = now + leases.LEASE + timedelta(seconds=1)
    await leases.extend(held, later)
    assert await claimed(row, later) is None


@each_kind
async def test_a_row_that_was_read_and_not_claimed_is_not_held(
    desk: Desk, make: Callable[[datetime], Awaitable[Held]]
) -> None:
    row = await make(await database.now())
    assert not await leases.held(row).exists()
    with pytest.raises(StaleState):
        await leases.extend(row, await database.now())
