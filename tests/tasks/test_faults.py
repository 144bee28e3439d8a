"""The fault matrix at a size every run can afford: processes die, the queue forgets, and the ledger is right.

The same faults at full size, with three seeds, are in tests/chaos.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import redis

from otae.delivery.outcomes import NOT_IN_TIME
from otae.settings import Settings
from otae.store import database, keyring
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation
from otae.tasks import runtime
from tests.ledger import check_ledger
from tests.servers.redis import RedisServer
from tests.servers.smtp import SMTPServer
from tests.tasks.conftest import Process, StartProcess, eventually, queue_mail, send_through, until_sent

pytestmark = pytest.mark.anyio

#: What a worker is told first: a lease no test has to wait two minutes for.
HURRY = "from datetime import timedelta; from otae.delivery import outbox; outbox.LEASE = timedelta(seconds=10)"
#: … and: die when the server has accepted, before that is recorded.
DIE_ACCEPTED = HURRY + "; import os, signal; outbox.sent = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"


@dataclass
class House:
    """An installation of separate processes, whose mail goes to ``smtp``."""

    desk: Desk
    smtp: SMTPServer
    start: StartProcess

    async def order(self, count: int, *, ring: bool = True) -> None:
        for row in await queue_mail(self.desk, count):
            if ring:
                self.desk.bell.ring("delivery", row.id)

    def worker(self, first: str = HURRY) -> Process:
        return self.start("worker", first)


@pytest.fixture
async def house(
    shared_settings: Settings, smtp_server: SMTPServer, start_process: StartProcess, anyio_backend: str
) -> AsyncIterator[House]:
    async with database.connected(shared_settings), runtime.bell_for(shared_settings) as bell:
        desk = Desk(shared_settings, await keyring.open_vault(shared_settings), bell)
        await send_through(desk, smtp_server)
        yield House(desk, smtp_server, start_process)


async def everything_settled(count: int) -> None:
    """Wait until no message is left that anybody could still send."""

    async def there() -> bool:
        return await Delivery.filter(status__in=["sent", "failed"]).count() >= count

    await eventually(there, 90)


async def all_sent(count: int) -> None:
    """Wait until every message is sent; what is not says where it stands."""
    try:
        await until_sent(count)
    except TimeoutError:
        rows = await Delivery.exclude(status="sent")
        raise AssertionError([(row.status, row.attempt, row.next_try_at, row.answer) for row in rows]) from None


async def hurry_retries() -> None:
    """Let what waits for its next try be tried now: the test does not wait five minutes."""
    await Delivery.filter(status="queued").update(next_try_at=None)


async def test_workers_killed_again_and_again_lose_no_mail(house: House) -> None:
    dice, kills = random.Random(1), 4  # noqa: S311 - when to kill, not a secret
    house.start("clock")
    worker = house.worker()
    await house.order(150)
    for _ in range(kills):
        sent = await Delivery.filter(status="sent").count()
        await until_sent(min(sent + dice.randrange(5, 30), 150))
        worker.tell(signal.SIGKILL)
        worker.end()
        worker = house.worker()
    await everything_settled(150)
    standing = await check_ledger([house.smtp], recipients=150, kills=kills)
    assert {mail.recipients[0] for mail in house.smtp.messages} == {f"ben{at}@example.test" for at in range(150)}
    assert standing["sent"] + standing["failed"] == 150


async def test_killed_after_the_acceptance_costs_one_more_copy_and_says_sent(house: House) -> None:
    dying = house.worker(DIE_ACCEPTED)
    await house.order(1)
    assert dying.end() == -signal.SIGKILL
    house.start("clock")
    house.worker()
    await until_sent(1)
    assert len(house.smtp.messages) == 2
    await check_ledger([house.smtp], recipients=1, kills=1)


async def test_a_message_nobody_rang_for_goes_out_all_the_same(house: House) -> None:
    house.start("clock")
    house.worker()
    await house.order(5, ring=False)
    await all_sent(5)
    await check_ledger([house.smtp], recipients=5)


async def test_a_queue_emptied_in_the_middle_loses_no_mail(house: House, redis_server: RedisServer) -> None:
    house.start("clock")
    house.worker()
    await house.order(150)
    await until_sent(60)
    redis.Redis.from_url(redis_server.url).flushall()
    await all_sent(150)
    await check_ledger([house.smtp], recipients=150)


async def test_two_workers_and_two_clocks_send_each_mail_once(house: House) -> None:
    for _ in range(2):
        house.start("clock")
        house.worker()
    await house.order(150)
    await all_sent(150)
    await check_ledger([house.smtp], recipients=150)
    assert len(house.smtp.messages) == 150


async def test_a_paused_workers_result_overwrites_nobody(house: House) -> None:
    house.start("clock")
    paused = house.worker()
    await house.order(150)
    await until_sent(20)
    paused.tell(signal.SIGSTOP)
    house.worker()
    await until_sent(140)
    await hurry_retries()
    await everything_settled(150)
    before = {row.id: row.attempt for row in await Delivery.all()}
    paused.tell(signal.SIGCONT)
    await asyncio.sleep(2)
    await check_ledger([house.smtp], recipients=150, kills=1)
    assert {row.id: row.attempt for row in await Delivery.all()} == before


async def test_told_to_end_in_a_bulk_a_worker_ends_and_another_goes_on(house: House) -> None:
    house.start("clock")
    worker = house.worker()
    await house.order(150)
    await until_sent(30)
    worker.tell()
    assert worker.end(25) == 0
    assert await Delivery.filter(status="sending").count() == 0
    house.worker()
    await all_sent(150)
    await check_ledger([house.smtp], recipients=150)
    assert len(house.smtp.messages) == 150


async def test_a_link_whose_time_ends_while_it_waits_is_given_up(house: House) -> None:
    house.smtp.answer("RCPT", "450 4.2.0 greylisted, come back", times=20)
    worker, _clock = house.worker(), house.start("clock")
    await house.order(20)

    async def deferred() -> bool:
        return await Delivery.filter(status="queued", attempt=1).count() == 20

    await eventually(deferred)
    await check_ledger([house.smtp], recipients=20)
    await Invitation.all().update(valid_until=await database.now())
    await everything_settled(20)
    standing = await check_ledger([house.smtp], recipients=20)
    assert standing["failed"] == 20
    assert all(row.answer.startswith(NOT_IN_TIME) for row in await Delivery.all())
    assert worker.popen.poll() is None
