"""Redis and PostgreSQL that forget, fill up or die: F4, F5, F6 and F7 of the fault matrix."""

import asyncio
import random
import signal
from pathlib import Path

import httpx2
import pytest
import redis

from otae.app import prepare
from otae.settings import Settings
from otae.store.models import Invitation
from tests.chaos.house import (
    MAILS,
    POSTGRES_AWAY,
    REDIS_AWAY,
    House,
    Note,
    at_rest,
    console,
    invitation_form,
    opened,
    until_at_rest,
    until_sent,
)
from tests.chaos.outages import Mortal, mortal_postgres, mortal_redis
from tests.desks import make_settings
from tests.servers.redis import RedisServer
from tests.servers.smtp import SMTPServer
from tests.tasks.conftest import environment

pytestmark = pytest.mark.anyio


async def test_f4_a_queue_emptied_again_and_again_loses_no_mail(
    house: House, redis_server: RedisServer, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - when to empty it, not a secret
    house.start("clock")
    house.worker()
    await house.order(MAILS)
    await until_sent(house.messages * 3 // 10)
    while await at_rest() < house.messages * 9 // 10:
        redis.Redis.from_url(redis_server.url).flushall()
        await asyncio.sleep(dice.uniform(0.5, 3))
    await until_sent(house.messages)
    assert (await house.check())["sent"] == len(house.smtp.messages)


async def test_f5_while_redis_is_dead_people_are_invited_and_mailed_when_it_is_back(
    postgres_settings: Settings,
    smtp_server: SMTPServer,
    tmp_path: Path,
    record_property: Note,
    seed: int,
) -> None:
    with mortal_redis() as server:
        settings = Settings.load({**environment(postgres_settings), "REDIS_URL": server.url})
        async with opened(settings, smtp_server, tmp_path, record_property) as house, console(house) as client:
            house.start("clock")
            house.worker()
            await house.order(MAILS)
            await house.add_people(3)
            await until_sent(house.messages // 3)
            server.kill(signal.SIGKILL)
            for at in range(3):
                await invite(house, client, f"ben{MAILS + at}")
                await asyncio.sleep(REDIS_AWAY / 3)
            server.start()
            await until_sent(house.messages)
            await house.check()


async def invite(house: House, client: httpx2.AsyncClient, name: str) -> None:
    """Invite somebody with a link and a PIN, as Ada does."""
    answer = await client.post("/admin/invitations/add", data=await invitation_form(client, name))
    assert answer.status_code == 303, answer.text
    house.messages += 2


@pytest.mark.full_size
async def test_f6_a_queue_that_was_full_for_a_while_loses_no_mail(
    house: House, redis_limits: redis.Redis, seed: int
) -> None:
    redis_limits.config_set("maxmemory-policy", ("noeviction", "allkeys-lru", "noeviction")[seed - 1])
    redis_limits.config_set("maxmemory", str(redis_limits.info("memory")["used_memory"] + 100_000))
    house.start("clock")
    house.worker()
    await house.order(MAILS)
    await asyncio.sleep(20)
    redis_limits.config_set("maxmemory", "0")
    await until_sent(house.messages)
    assert (await house.check())["sent"] == len(house.smtp.messages)


@pytest.mark.full_size
@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate stop", "kill"])
async def test_f7_while_the_database_is_dead_pages_say_so_and_afterwards_all_goes_on(
    redis_server: RedisServer,
    smtp_server: SMTPServer,
    tmp_path: Path,
    record_property: Note,
    seed: int,
    number: int,
) -> None:
    redis.Redis.from_url(redis_server.url).flushall()
    with mortal_postgres() as server:
        settings = make_settings(tmp_path, DATABASE_URL=server.url, PUBLIC_URL="https://localhost:8443")
        settings = Settings.load({**environment(settings), "REDIS_URL": redis_server.url})
        await prepare(settings)
        async with opened(settings, smtp_server, tmp_path, record_property) as house, console(house) as client:
            clock, worker = house.start("clock"), house.worker()
            await house.order(MAILS)
            await house.add_people(1)
            await until_sent(house.messages // 3)
            await die_for_a_while(server, number, client, await invitation_form(client, f"ben{MAILS}"))
            assert not await Invitation.filter(person__name=f"ben{MAILS}").count()
            await invite(house, client, f"ben{MAILS}")
            await until_at_rest(house.messages)
            assert clock.popen.poll() is worker.popen.poll() is None
            standing = await house.check(kills=1)
            assert standing["sent"] + standing["failed"] == house.messages


async def die_for_a_while(server: Mortal, number: int, client: httpx2.AsyncClient, form: dict[str, str]) -> None:
    """Kill the database; until it is back, whoever asks is told to come again, and nothing half done stays."""
    server.kill(number)
    for _ in range(POSTGRES_AWAY):
        for answer in (
            await client.get("/admin/invitations"),
            await client.post("/admin/invitations/add", data=form),
            await client.get("/zdm/macos/otae/login?e=ep-nobody"),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
        assert (await client.get("/healthz")).status_code == 200
        await asyncio.sleep(1)
    server.start()
    assert (await client.get("/admin/invitations")).status_code == 200
