"""The mail rows of the fault matrix at full size, with three seeds.

Whatever is killed, emptied or paused, the ledger is right at the end.
"""

import asyncio
import os
import random
import signal

import pytest
import redis

from otae.store.models import Delivery
from tests.ledger import check_ledger
from tests.servers.redis import RedisServer
from tests.servers.smtp import DROP, HANG, SMTPServer, Stage
from tests.tasks.conftest import eventually
from tests.tasks.test_faults import HURRY, House, hurry_retries

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("seed", [1, 2, 3])]

MAILS = int(os.environ.get("CHAOS_MAILS", "3000"))
#: What kills, empties and breaks the line goes on while fewer than this many messages have come to an end.
BUSY = MAILS * 9 // 10
STAGES: tuple[Stage, ...] = ("CONNECT", "MAIL", "RCPT", "DATA", "DOT")


async def at_rest() -> int:
    return await Delivery.filter(status__in=["sent", "failed"]).count()


async def until_at_rest(count: int, seconds: float = 1800) -> None:
    """Wait until ``count`` messages have come to an end; what waits for its next try is tried now."""

    async def there() -> bool:
        await hurry_retries()
        await asyncio.sleep(1)
        return await at_rest() >= count

    await eventually(there, seconds)


async def everybody_got_one(smtp: SMTPServer) -> bool:
    return {mail.recipients[0] for mail in smtp.messages} == {f"ben{at}@example.test" for at in range(MAILS)}


async def test_twenty_killed_workers_lose_no_mail(house: House, seed: int) -> None:
    dice, kills = random.Random(seed), 20  # noqa: S311 - when to kill, not a secret
    house.start("clock")
    workers = [house.worker(), house.worker()]
    await house.order(MAILS)
    for _ in range(kills):
        await asyncio.sleep(dice.uniform(1, 4))
        victim = dice.randrange(2)
        workers[victim].tell(signal.SIGKILL)
        workers[victim].end()
        workers[victim] = house.worker()
    await until_at_rest(MAILS)
    await check_ledger([house.smtp], recipients=MAILS, kills=kills)
    assert await everybody_got_one(house.smtp)


async def test_a_queue_emptied_again_and_again_loses_no_mail(
    house: House, redis_server: RedisServer, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - when to empty it, not a secret
    house.start("clock")
    house.worker()
    await house.order(MAILS)
    while await at_rest() < BUSY:
        await asyncio.sleep(dice.uniform(0.5, 3))
        redis.Redis.from_url(redis_server.url).flushall()
    await until_at_rest(MAILS)
    assert await check_ledger([house.smtp], recipients=MAILS) == {"sent": MAILS}


async def test_a_queue_that_was_full_for_a_while_loses_no_mail(
    house: House, redis_server: RedisServer, seed: int
) -> None:
    client = redis.Redis.from_url(redis_server.url)
    policy = ("noeviction", "allkeys-lru", "noeviction")[seed - 1]
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", str(client.info("memory")["used_memory"] + 100_000))
    try:
        house.start("clock")
        house.worker()
        await house.order(MAILS)
        await asyncio.sleep(20)
    finally:
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")
    await until_at_rest(MAILS)
    assert await check_ledger([house.smtp], recipients=MAILS) == {"sent": MAILS}


async def test_a_mail_server_that_answers_as_it_likes_costs_no_mail(house: House, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - what to answer, not a secret
    drops = 0
    for _ in range(60):
        stage = dice.choice(STAGES)
        reply = dice.choice(["421 4.3.2 closing", "450 4.2.0 greylisted", DROP])
        drops += stage == "DOT" and reply == DROP
        house.smtp.answer(stage, reply)
    house.start("clock")
    house.worker()
    await house.order(MAILS)
    await until_at_rest(MAILS)
    standing = await check_ledger([house.smtp], recipients=MAILS, kills=drops, concurrency=1)
    assert standing["sent"] + standing["failed"] == MAILS
    assert standing["failed"] <= drops // 2


async def test_a_mail_server_that_hangs_keeps_the_others_moving(house: House, seed: int) -> None:
    house.smtp.answer("MAIL", HANG, times=3)
    house.start("clock")
    house.worker()
    await house.order(MAILS)
    await until_at_rest(MAILS - 3)
    assert len(house.smtp.messages) >= MAILS - 3
    await until_at_rest(MAILS)
    assert await check_ledger([house.smtp], recipients=MAILS) == {"sent": MAILS}


async def test_workers_told_to_end_again_and_again_send_nothing_twice(house: House, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - when to end it, not a secret
    house.start("clock")
    worker = house.worker()
    await house.order(MAILS)
    while await at_rest() < BUSY:
        await asyncio.sleep(dice.uniform(3, 8))
        worker.tell()
        assert worker.end(25) == 0
        worker = house.worker()
    await until_at_rest(MAILS)
    assert await check_ledger([house.smtp], recipients=MAILS) == {"sent": MAILS}


async def test_old_and_new_processes_side_by_side_send_nothing_twice(house: House, seed: int) -> None:
    for _ in range(2):
        house.start("clock")
        house.start("worker")
    await house.order(MAILS)
    await until_at_rest(MAILS)
    assert await check_ledger([house.smtp], recipients=MAILS) == {"sent": MAILS}


async def test_paused_workers_overwrite_nobody(house: House, seed: int) -> None:
    dice, pauses = random.Random(seed), 0  # noqa: S311 - when to pause, not a secret
    house.start("clock")
    workers = [house.worker(HURRY), house.worker(HURRY)]
    await house.order(MAILS)
    while await at_rest() < BUSY:
        paused = dice.choice(workers)
        paused.tell(signal.SIGSTOP)
        pauses += 1
        await asyncio.sleep(15)  # longer than the lease
        paused.tell(signal.SIGCONT)
        await asyncio.sleep(dice.uniform(1, 4))
    await until_at_rest(MAILS)
    await check_ledger([house.smtp], recipients=MAILS, kills=pauses)
    assert await everybody_got_one(house.smtp)
