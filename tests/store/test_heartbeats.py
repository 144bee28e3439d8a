"""What heartbeats say of the processes: who is gone, who is stuck, who lives and does nothing, who lacks a key."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otae.store import database, heartbeats
from otae.store.desk import Desk
from otae.store.heartbeats import Activity, Problem
from otae.store.models import Heartbeat
from otae.tasks import runtime, schedule

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: Columns of a process that has lived for an hour and did something just now.
WELL: dict[str, Any] = {"at": NOW, "started_at": NOW - HOUR, "done": "deliveries", "done_at": NOW}
DIED = WELL | {"at": NOW - HOUR / 2, "done_at": NOW - HOUR / 2}


async def told(**processes: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Store processes (name, and how its columns differ from WELL) and return role, kind and name of each trouble."""
    await Heartbeat.all().delete()
    for name, columns in processes.items():
        await Heartbeat.create(name=name, role=name.rstrip("0123456789"), **{**WELL, **columns})
    return [(each.role, each.kind, each.process) for each in await heartbeats.find_problems(now=NOW)]


async def test_nobody_was_ever_heard_of(desk: Desk) -> None:
    assert await told() == [("worker", "none", ""), ("clock", "none", "")]
    assert await told(worker1={}, clock1={}) == []
    assert await told(worker1={}, clock1=DIED) == [("clock", "none", "clock1")]


async def test_one_of_two_that_is_gone_is_missed_until_another_takes_its_place(sqlite_desk: Desk) -> None:
    gone = [("worker", "dead", "worker2")]
    assert await told(clock1={}, worker1={}, worker2=DIED) == gone
    assert await told(clock1={}, worker1={}, worker2=DIED, worker3={"started_at": NOW - HOUR / 4}) == []
    two = {"worker2": DIED, "worker4": DIED, "worker3": {"started_at": NOW - HOUR / 4}}
    assert len(await told(clock1={}, worker1={}, **two)) == 1


async def test_a_clock_that_hangs_at_something_is_told(sqlite_desk: Desk) -> None:
    hanging = {"doing": "directories", "doing_since": NOW - HOUR / 2}
    assert await told(worker1={}, clock1=hanging) == [("clock", "stuck", "clock1")]


async def test_a_worker_may_take_long_while_it_gets_on(sqlite_desk: Desk) -> None:
    busy: dict[str, Any] = {"doing": "deliver", "doing_since": NOW - HOUR / 2}
    assert await told(clock1={}, worker1=busy) == []
    assert await told(clock1={}, worker1=busy | {"done_at": NOW - HOUR / 2}) == [("worker", "stuck", "worker1")]


async def test_a_clock_that_keeps_the_turn_and_does_nothing_is_told_though_another_lives(sqlite_desk: Desk) -> None:
    frozen, waiting = DIED, dict[str, Any](done="", done_at=None)
    assert await told(worker1={}, clock1=frozen, clock2=waiting) == [
        ("clock", "dead", "clock1"),
        ("clock", "idle", "clock1"),
    ]
    assert await told(worker1={}, clock1=frozen, clock2={}) == [("clock", "dead", "clock1")]


async def test_the_running_clock_says_what_it_hangs_at(sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = asyncio.Event()

    async def hang(_desk: Desk, _now: datetime) -> None:
        reached.set()
        await asyncio.Event().wait()

    async def work(_desk: Desk, _now: datetime) -> None:
        await reached.wait()

    monkeypatch.setattr(
        schedule, "SCHEDULE", (schedule.PeriodicTask("hangs", 60, hang), schedule.PeriodicTask("works", 60, work))
    )
    monkeypatch.setattr(runtime, "HEARTBEAT", 0.02)
    async with runtime.running_clock(sqlite_desk):
        async with asyncio.timeout(20):
            while not await Heartbeat.filter(doing="hangs", done="works").exists():  # noqa: ASYNC110 - written by another task
                await asyncio.sleep(0.01)
        monkeypatch.setattr(heartbeats, "STUCK_AFTER", timedelta(0))
        found = await heartbeats.find_problems(now=await database.now())
        assert [(each.role, each.kind, each.what) for each in found] == [
            ("worker", "none", ""),
            ("clock", "stuck", "hangs"),
        ]
    assert await Heartbeat.all().count() == 0


async def test_what_hangs_is_given_up_and_done_again(sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0
    again = asyncio.Event()

    async def hang(_desk: Desk, _now: datetime) -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            again.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(schedule, "TASK_TIMEOUT", 0.02)
    clock = asyncio.create_task(
        schedule.run_clock(sqlite_desk, [schedule.PeriodicTask("hangs", 0.01, hang)], activity=Activity())
    )
    async with asyncio.timeout(20):
        await again.wait()
    clock.cancel()
    await asyncio.gather(clock, return_exceptions=True)


async def test_what_is_done_without_an_error_is_what_was_done_last() -> None:
    activity = Activity()
    with activity.doing("first"), activity.doing("second"):
        assert (activity.oldest() or ("",))[0] == "first"
    with pytest.raises(ZeroDivisionError), activity.doing("third"):
        raise ZeroDivisionError
    assert activity.done == "first"
    assert activity.oldest() is None


async def test_processes_without_a_key_are_named(sqlite_desk: Desk) -> None:
    await heartbeats.beat("worker:a:1", "worker", now=NOW, key_ids=["11", "22"])
    await heartbeats.beat("web:a:2", "web", now=NOW, key_ids=["22"])
    await heartbeats.beat("web:a:3", "web", now=NOW - HOUR, key_ids=["22"])
    assert await heartbeats.processes_without_key("11", now=NOW) == ["web:a:2"]
    assert Problem("web", "dead") not in await heartbeats.find_problems(now=NOW)
