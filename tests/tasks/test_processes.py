"""Worker and clock as processes of their own, over PostgreSQL and Redis."""

from uuid import uuid4

import dramatiq
import pytest
import redis

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store import database, keyring
from otae.store.desk import Desk, SilentBell
from otae.store.models import Delivery, Heartbeat
from otae.tasks import runtime, schedule
from otae.tasks.broker import QueueBell, check_redis, make_broker
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer
from tests.servers.smtp import HANG, SMTPServer
from tests.tasks.conftest import StartProcess, environment, eventually, queue_mail, says, send_through, until_sent

pytestmark = pytest.mark.anyio

#: Milliseconds that a worker gives a message at its end, where a test waits for the end of them.
GRACE = 3000


async def test_a_worker_sends_what_is_rung_and_ends_in_time_however_often_it_is_told(
    shared_settings: Settings, smtp_server: SMTPServer, start_process: StartProcess
) -> None:
    async with database.connected(shared_settings), runtime.bell_for(shared_settings) as bell:
        desk = Desk(shared_settings, await keyring.open_vault(shared_settings), bell)
        await send_through(desk, smtp_server)
        worker = start_process("worker")
        for row in await queue_mail(desk, 20):
            desk.bell.ring("delivery", row.id)
        await until_sent(20)
        assert [row.role for row in await Heartbeat.all()] == ["worker"]
        worker.tell()
        assert says(worker, "ending")
        worker.tell()
        assert worker.end() == 0
        assert await Heartbeat.all().count() == 0
    assert len(smtp_server.messages) == 20
    assert "@example.test" not in worker.log.read_text()


async def test_redis_gets_ids_and_nothing_else(
    shared_settings: Settings, redis_server: RedisServer, smtp_server: SMTPServer
) -> None:
    async with database.connected(shared_settings), runtime.bell_for(shared_settings) as bell:
        desk = Desk(shared_settings, await keyring.open_vault(shared_settings), SilentBell())
        [row] = await queue_mail(desk)
        bell.ring("delivery", row.id)
    client = redis.Redis.from_url(redis_server.url)
    assert str(row.id) in await held(client)
    assert "ep-" not in await held(client)
    assert "example.test" not in await held(client)


async def held(client: redis.Redis) -> str:
    """Return everything a Redis holds, as text (its own dumps are compressed)."""
    kept: list[object] = []
    for key in client.scan_iter():
        match client.type(key):
            case b"hash":
                kept.append((key, client.hgetall(key)))
            case b"list":
                kept.append((key, client.lrange(key, 0, -1)))
            case b"zset":
                kept.append((key, client.zrange(key, 0, -1)))
            case kind:
                raise AssertionError(kind)
    return str(kept)


@pytest.mark.parametrize(("query", "taken"), [("", True), ("?ssl_cert_reqs=required", False)])
async def test_a_self_signed_redis_is_taken_unless_the_url_asks_for_more(
    postgres_settings: Settings,
    redis_server: RedisServer,
    capsys: pytest.CaptureFixture[str],
    query: str,
    *,
    taken: bool,
) -> None:
    environ = {**environment(postgres_settings), "REDIS_URL": redis_server.tls_url + query}
    async with runtime.bell_for(Settings.load(environ)) as bell:
        bell.ring("delivery", uuid4())
    check = await check_redis(Settings.load(environ))
    assert check is not None
    assert (check.state == "ok") is taken
    assert redis_server.password not in str(check)
    assert ("does not take hints" not in capsys.readouterr().out) is taken


async def test_a_server_that_hangs_does_not_keep_the_worker_from_ending(
    shared_settings: Settings, smtp_server: SMTPServer, start_process: StartProcess
) -> None:
    async with database.connected(shared_settings), runtime.bell_for(shared_settings) as bell:
        desk = Desk(shared_settings, await keyring.open_vault(shared_settings), bell)
        await send_through(desk, smtp_server)
        smtp_server.answer("MAIL", HANG, times=10)
        worker = start_process("worker", f"runtime.GRACE = {GRACE}")
        [row] = await queue_mail(desk)
        desk.bell.ring("delivery", row.id)

        async def sending() -> bool:
            return bool(smtp_server.connections)

        await eventually(sending)
        worker.tell()
        assert worker.end() == 0
        assert (await Delivery.get(id=row.id)).status in {"sending", "queued"}


async def test_ringing_never_raises_and_never_waits_while_redis_is_down(
    sqlite_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = sqlite_settings.model_copy(update={"redis_url": Secret(f"redis://127.0.0.1:{free_port()}/0")})
    bell = QueueBell(make_broker(gone))
    row = uuid4()
    for _ in range(50):
        bell.ring("delivery", row)
    bell.close()
    said = capsys.readouterr().out
    assert said.count("the queue does not take hints") == 1
    assert str(row) not in said


class Secret:
    """What a setting that hides itself looks like to its reader."""

    def __init__(self, value: str) -> None:
        self.value = value

    def get_secret_value(self) -> str:
        return self.value


@pytest.mark.parametrize("run", [runtime.run_worker, runtime.run_clock])
async def test_without_redis_there_is_no_process_of_its_own(sqlite_settings: Settings, run: object) -> None:
    assert callable(run)
    with pytest.raises(CannotStart, match="REDIS_URL"):
        run(sqlite_settings)


async def test_a_queue_that_nobody_works_off_stops_growing(
    shared_settings: Settings, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "ENOUGH", 2)
    client = redis.Redis.from_url(redis_server.url)

    async def ring(expected: int) -> None:
        async def there() -> bool:
            return bool(client.llen("otae:default") == expected)

        await schedule.ring_deliveries(desk, await database.now())
        await eventually(there)

    async with database.connected(shared_settings), runtime.bell_for(shared_settings) as bell:
        desk = Desk(shared_settings, await keyring.open_vault(shared_settings), bell)
        await queue_mail(desk, 4)
        for lists in (1, 2, 2, 2):
            await ring(lists)
    assert client.llen("otae:default") == 2


async def test_what_is_rung_for_together_goes_as_lists_and_a_single_id_of_an_earlier_release_still_works(
    shared_settings: Settings, redis_server: RedisServer, smtp_server: SMTPServer, start_process: StartProcess
) -> None:
    client = redis.Redis.from_url(redis_server.url)
    async with database.connected(shared_settings), runtime.bell_for(shared_settings) as bell:
        desk = Desk(shared_settings, await keyring.open_vault(shared_settings), bell)
        await send_through(desk, smtp_server)
        bell.ring("delivery", *(uuid4() for _ in range(250)))
        first, *rows = await queue_mail(desk, 5)
        bell.ring("delivery", *(row.id for row in rows))

        async def there() -> bool:
            return bool(client.llen("otae:default") in {3, 4})

        await eventually(there)
        single = dramatiq.Message[None]("default", "deliver", args=(str(first.id),), kwargs={}, options={})
        bell.broker.enqueue(single)
        start_process("worker")
        await until_sent(5)
    assert len(smtp_server.messages) == 5


async def test_a_queue_that_does_not_answer_keeps_nobody_from_ringing(sqlite_settings: Settings) -> None:
    gone = sqlite_settings.model_copy(update={"redis_url": Secret(f"redis://127.0.0.1:{free_port()}/0")})
    bell = QueueBell(make_broker(gone))
    assert not bell.has_backlog(1)
    bell.close()
