"""Worker and clock on the event loop of `serve`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import anyio
import pytest

from otae.delivery.connection_test import enqueue_test
from otae.delivery.servers import find_server
from otae.settings import Settings
from otae.store import database, jobs, keyring
from otae.store.desk import Desk
from otae.store.models import Heartbeat, Job
from otae.tasks import actors, runtime, schedule
from tests.pauses import Pauses
from tests.servers.smtp import SMTPServer
from tests.tasks.conftest import eventually, queue_mail, send_through, until_sent

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let notification servers be on this machine, on PostgreSQL too."""
    return settings.model_copy(update={"allow_private": True})


async def test_a_rung_message_is_sent_on_the_pages_own_loop(
    settings: Settings, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "SCHEDULE", ())
    async with database.connected(settings), runtime.bell_for(settings) as bell:
        desk = Desk(settings, await keyring.open_vault(settings), bell)
        await send_through(desk, smtp_server)
        async with runtime.embedded(desk):
            for row in await queue_mail(desk, 12):
                desk.bell.ring("delivery", row.id)
                desk.bell.ring("delivery", row.id)
            await until_sent(12)
            assert {row.role for row in await Heartbeat.all()} == {"worker", "clock"}
        assert await Heartbeat.all().count() == 0
    assert len(smtp_server.messages) == 12


async def test_what_nobody_rang_for_is_found_by_the_clock(settings: Settings, smtp_server: SMTPServer) -> None:
    async with database.connected(settings), runtime.bell_for(settings) as bell:
        desk = Desk(settings, await keyring.open_vault(settings), bell)
        await send_through(desk, smtp_server)
        await queue_mail(desk, 3)
        server = await find_server("House mail")
        job = await enqueue_test(
            Desk(settings, desk.vault, Quiet()), server, "ada@example.test", now=await database.now(), actor="ada"
        )
        async with runtime.embedded(desk):
            await until_sent(3)

            async def tested() -> bool:
                return (await Job.get(id=job.id)).status == "done"

            await eventually(tested)
    assert len(smtp_server.messages) == 4


class Quiet:
    """A bell whose hints were all lost."""

    def ring(self, kind: str, *rows: object) -> None:
        pass


async def test_a_row_of_the_clock_that_fails_holds_nobody_up(desk: Desk) -> None:
    seen: list[datetime] = []

    async def broken(desk: Desk, now: datetime) -> None:
        raise RuntimeError("no")

    async def works(desk: Desk, now: datetime) -> None:
        seen.append(now)

    rows = (schedule.PeriodicTask("broken", 0.01, broken), schedule.PeriodicTask("works", 0.01, works))
    clock = asyncio.create_task(schedule.run_clock(desk, rows))

    async def thrice() -> bool:
        return len(seen) >= 3

    await eventually(thrice)
    assert not clock.done()
    clock.cancel()
    await asyncio.wait([clock])
    assert seen[0].tzinfo is not None


async def test_one_clock_at_a_time_rings_and_another_takes_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def row(name: str) -> schedule.PeriodicTask:
        async def work(desk: Desk, now: datetime) -> None:
            seen.append(name)

        return schedule.PeriodicTask(name, 0.01, work)

    def ringing(name: str) -> Callable[[], Awaitable[bool]]:
        async def there() -> bool:
            return name in seen

        return there

    monkeypatch.setattr(schedule, "TURN_SECONDS", 0.05)
    first = asyncio.create_task(schedule.run_clock(desk, (row("first"),)))
    await eventually(ringing("first"))
    second = asyncio.create_task(schedule.run_clock(desk, (row("second"),)))
    await anyio.sleep(0.3)
    assert set(seen) == {"first"}
    first.cancel()
    await asyncio.wait([first])
    await eventually(ringing("second"))
    second.cancel()
    await asyncio.wait([second])


@pytest.mark.parametrize("kind", ["unheard-of", "breaks"])
async def test_a_job_that_breaks_ends_as_failed_and_says_no_secret(
    desk: Desk, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(desk: Desk, job: Job, *, now: datetime) -> None:
        raise RuntimeError("sesame")

    monkeypatch.setattr(actors, "JOBS", {"breaks": breaks})
    job = await jobs.enqueue(kind, {}, created_by="ada", now=await database.now())
    await actors.run_job(desk, job.id)
    done = await Job.get(id=job.id)
    assert (done.status, done.output["ok"]) == ("failed", False)
    assert "sesame" not in str(done.output)
    await actors.run_job(desk, job.id)


@pytest.mark.slow
async def test_jobs_that_take_long_leave_threads_for_mail(
    settings: Settings, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def waits(desk: Desk, job: Job, *, now: datetime) -> None:
        await ended.wait()
        await jobs.finish(job, {}, now=now)

    async def all_done() -> bool:
        for waiting in await Job.filter(status="queued"):
            desk.bell.ring("job", waiting.id)  # as the clock does, less often
        return await Job.filter(status="done").count() == 6

    monkeypatch.setattr(actors, "JOBS", {"waits": waits})
    async with database.connected(settings), runtime.bell_for(settings) as bell:
        desk = Desk(settings, await keyring.open_vault(settings), bell)
        await send_through(desk, smtp_server)
        async with runtime.embedded(desk):
            for _ in range(6):
                job = await jobs.enqueue("waits", {}, created_by="ada", now=await database.now())
                desk.bell.ring("job", job.id)
            await asyncio.sleep(0.3)
            await queue_mail(desk, 2)
            await until_sent(2)
            ended.set()
            await eventually(all_done)


async def test_the_worker_needs_the_bell_of_its_queue(desk: Desk) -> None:
    with pytest.raises(TypeError):
        async with runtime.embedded(desk):
            pass


async def test_a_paused_workers_result_does_not_end_the_job_that_another_took_over(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(desk: Desk, job: Job, *, now: datetime) -> None:
        await jobs.finish(job, {"lease": str(job.lease_until)}, now=now)

    table = SimpleNamespace(work=work)
    pauses = Pauses(monkeypatch, table, "work")
    monkeypatch.setattr(actors, "JOBS", {"waits": table.work})
    monkeypatch.setattr(jobs, "LEASE", timedelta(milliseconds=1))
    row = await jobs.enqueue("waits", {}, created_by="ada", now=await database.now())
    first = await pauses.begin(actors.run_job(desk, row.id))
    monkeypatch.setattr(jobs, "LEASE", timedelta(minutes=5))
    await asyncio.sleep(0.05)
    second = await pauses.begin(actors.run_job(desk, row.id))
    lease = (await Job.get(id=row.id)).lease_until
    pauses.calls[0].set()
    await first
    seen = await Job.get(id=row.id)
    assert (seen.status, seen.output, seen.lease_until) == ("running", {}, lease)
    assert await jobs.claim(row.id, await database.now()) is None
    pauses.calls[1].set()
    await second
    seen = await Job.get(id=row.id)
    assert (seen.status, seen.output) == ("done", {"lease": str(lease)})
