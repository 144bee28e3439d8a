"""Processes that are killed, paused, told to end, or run twice: F1, F2, F3, F15, F16 and F17 of the fault matrix."""

import asyncio
import random
import signal
from datetime import timedelta

import pytest

from otae.overview import attention, doctor
from otae.store import database
from otae.store.models import Delivery, Heartbeat
from otae.store.single_holder import ClockLock
from tests.chaos.house import (
    DIE_ACCEPTED,
    DIE_COMMITTED,
    FULL,
    MAILS,
    House,
    at_rest,
    until_at_rest,
    until_at_work,
    until_sent,
)
from tests.tasks.conftest import eventually

pytestmark = pytest.mark.anyio

KILLS = 20 if FULL else 4


async def test_f1_workers_killed_again_and_again_lose_no_mail(house: House, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - when to kill, not a secret
    house.start("clock")
    workers = [house.worker(), house.worker()]
    await house.order(MAILS)
    for kill in range(KILLS):
        # Somewhere in the next share of the bulk, so that every kill finds a worker with mail in hand.
        share = house.messages * 9 // 10 // KILLS
        await until_sent(share * kill + dice.randrange(share))
        victim = dice.randrange(2)
        workers[victim].tell(signal.SIGKILL)
        workers[victim].end()
        workers[victim] = house.worker()
    await until_at_rest(house.messages)
    standing = await house.check(kills=KILLS)
    assert house.reached() == house.everybody()
    assert standing["sent"] + standing["failed"] == house.messages


async def test_f2_killed_after_the_acceptance_costs_one_more_copy_and_says_sent(house: House, seed: int) -> None:
    dying = house.worker(DIE_ACCEPTED)
    await house.order(1)
    assert dying.end() == -signal.SIGKILL
    # The dead worker's leases, ended by hand: no test waits for them.
    await Delivery.filter(status="sending").update(lease_until=await database.now())
    house.start("clock")
    house.worker()
    await until_sent(house.messages)
    # Link and PIN of one person: one of them, or both, had been accepted.
    assert house.messages < len(house.smtp.messages) <= 2 * house.messages
    await house.check(kills=1)


async def test_f3_a_process_that_dies_when_it_has_committed_loses_no_mail(house: House, seed: int) -> None:
    await house.add_people(2)
    for name in ("ben0", "ben1"):
        dying = house.start("invite", "--user", name, "--mode", "username_pin", first=DIE_COMMITTED)
        assert dying.end() == -signal.SIGKILL
        house.messages += 2
    await house.order(10, ring=False)
    house.start("clock")
    house.worker()
    await until_sent(house.messages)
    await house.check()


async def test_f15_told_to_end_in_a_bulk_a_worker_ends_and_another_goes_on(house: House, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - when to end it, not a secret
    house.start("clock")
    worker = house.worker()
    await house.order(MAILS)
    for told in range(KILLS // 2):
        share = house.messages * 9 // 10 // (KILLS // 2)
        await until_sent(share * told + dice.randrange(share))
        await until_at_work(worker)
        worker.tell()
        assert worker.end(25) == 0
        assert await Delivery.filter(status="sending").count() == 0
        worker = house.worker()
    await until_sent(house.messages)
    assert (await house.check())["sent"] == len(house.smtp.messages)


@pytest.mark.full_size
async def test_f16_old_and_new_processes_side_by_side_send_nothing_twice(house: House, seed: int) -> None:
    for _ in range(2):
        house.start("clock")
        house.worker()
    await house.order(MAILS)
    await until_sent(house.messages)
    assert (await house.check())["sent"] == len(house.smtp.messages)


@pytest.mark.full_size
async def test_f17_a_paused_workers_result_overwrites_nobody(house: House, seed: int) -> None:
    dice, pauses = random.Random(seed), 0  # noqa: S311 - whom to pause, not a secret
    house.start("clock")
    workers = [house.worker(), house.worker()]
    await house.order(MAILS)
    while await at_rest() < house.messages * 9 // 10:
        paused = dice.choice(workers)
        paused.tell(signal.SIGSTOP)
        pauses += 1
        await asyncio.sleep(15)  # longer than the lease
        paused.tell(signal.SIGCONT)
        await asyncio.sleep(dice.uniform(0.1, 1))
    await until_at_rest(house.messages)
    before = {row.id: (row.attempt, row.status) for row in await Delivery.all()}
    await asyncio.sleep(5)
    await house.check(kills=pauses)
    assert {row.id: (row.attempt, row.status) for row in await Delivery.all()} == before
    assert house.reached() == house.everybody()


async def test_a_clock_that_hangs_while_it_has_the_turn_is_told_though_another_lives(house: House, seed: int) -> None:
    async def at_work() -> bool:
        return await Heartbeat.filter(role="clock").exclude(done="").exists()

    clock = house.start("clock")
    await eventually(at_work)
    clock.tell(signal.SIGSTOP)
    async with ClockLock(house.desk.settings) as turn:
        assert not await turn.try_acquire()
        now = await database.now()
        ago = now - timedelta(minutes=3)
        # what the next three minutes do: the one gives no sign of life, the other gives its own
        await Heartbeat.filter(role="clock").update(at=ago, started_at=ago, done_at=ago, doing="")
        await Heartbeat.create(name="clock:other:2", role="clock", at=now, started_at=ago)
        hung = await Heartbeat.get(name__endswith=f":{clock.popen.pid}")
        checks = [each for each in await doctor.examine(house.desk, now=now) if each.name == "clock"]
        idle = next(each for each in checks if each.state == "failed")
        since = f"{ago:%Y-%m-%d %H:%M:%S} UTC"
        assert idle.words == f"{hung.name} has done nothing since {since}, when it ended with {hung.done}"
        assert idle.advice == f"End {hung.name}: it keeps the others from taking their turn."
        told = [each for each in (await attention.dashboard(now=now)).processes if each.role == "clock"]
        assert ("idle", hung.name) in [(each.kind, each.process) for each in told]
        clock.tell(signal.SIGKILL)
        await eventually(turn.try_acquire)
