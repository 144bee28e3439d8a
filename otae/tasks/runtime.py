"""Worker and clock, inside `serve` or as processes of their own: in both cases on one event loop.

The queue's worker threads only wait; every actor's coroutine runs on the loop that also owns the database.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress

import dramatiq
import structlog
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread

from otae.delivery.mail import lmtp, smtp_pool
from otae.errors import CannotStart, DatabaseAway
from otae.settings import Settings
from otae.store import database, heartbeats, keyring, schema_check
from otae.store.desk import Desk
from otae.tasks import schedule
from otae.tasks.actors import declare_actors
from otae.tasks.broker import QueueBell, make_broker

#: Messages worked on at a time: by a worker process, and beside the pages in `serve`.
THREADS, THREADS_EMBEDDED = 8, 4
#: Milliseconds that what is being done may take to end after SIGTERM.
GRACE, GRACE_EMBEDDED = 15_000, 8_000
#: Seconds between signs of life.
HEARTBEAT = 5

log = structlog.get_logger("otae.tasks")


class HostLoop(EventLoopThread):
    """Lends the running event loop to the queue's actors instead of starting another one in a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.getLogger(__name__))
        self.loop.close()
        self.loop = loop

    def start(self, *, timeout: float | None = None) -> None:
        """Do nothing: the loop runs already."""

    def stop(self) -> None:
        """Do nothing: the loop belongs to somebody else."""


@asynccontextmanager
async def bell_for(settings: Settings) -> AsyncIterator[QueueBell]:
    """Give a bell that rings through this installation's queue; what still waits at the end is passed on."""
    bell = QueueBell(make_broker(settings))
    try:
        yield bell
    finally:
        await asyncio.to_thread(bell.close)
        bell.broker.close()


@asynccontextmanager
async def embedded(desk: Desk) -> AsyncIterator[None]:
    """Run worker and clock on the running loop for the length of the block; ``desk.bell`` is of ``bell_for``."""
    async with working(desk, THREADS_EMBEDDED, GRACE_EMBEDDED), ticking(desk):
        yield


@asynccontextmanager
async def working(desk: Desk, threads: int, grace: int) -> AsyncIterator[None]:
    """Work off the queue that ``desk.bell`` rings; at the end, what is being done has ``grace`` milliseconds left."""
    if not isinstance(desk.bell, QueueBell):
        raise TypeError("a worker needs the bell of its queue")
    broker = desk.bell.broker
    activity = heartbeats.Activity()
    declare_actors(broker, desk, activity)
    set_event_loop_thread(HostLoop(asyncio.get_running_loop()))
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=200)
    try:
        async with lmtp.lmtp_listener(desk), smtp_pool.keep_connections():
            worker.start()
            try:
                async with alive(heartbeats.WORKER, desk, activity):
                    yield
            finally:
                smtp_pool.close_soon()
                await asyncio.to_thread(worker.stop, grace)
    finally:
        set_event_loop_thread(None)


@asynccontextmanager
async def ticking(desk: Desk) -> AsyncIterator[None]:
    """Let the clock run for the length of the block."""
    activity = heartbeats.Activity()
    async with alive(heartbeats.CLOCK, desk, activity), _beside(schedule.run_clock(desk, activity=activity)):
        yield


def run_worker(settings: Settings) -> None:
    """Be the worker process until SIGTERM; CannotStart when there is no queue to share."""
    _needs_queue(settings, "worker")
    asyncio.run(_worker(settings))


def run_clock(settings: Settings) -> None:
    """Be the clock process until SIGTERM; CannotStart when there is no queue to ring through."""
    _needs_queue(settings, "clock")
    asyncio.run(_clock(settings))


def _needs_queue(settings: Settings, role: str) -> None:
    if settings.inline_worker:
        raise CannotStart(f"REDIS_URL is not set: `serve` runs the {role} itself; set it to run a {role} of its own")


async def _worker(settings: Settings) -> None:
    stop = _told_to_stop()
    async with _opened(settings, "worker") as desk, working(desk, THREADS, GRACE):
        await stop.wait()
        log.info("ending")


async def _clock(settings: Settings) -> None:
    stop = _told_to_stop()
    async with _opened(settings, "clock") as desk, ticking(desk):
        await stop.wait()
        log.info("ending")


@asynccontextmanager
async def _opened(settings: Settings, role: database.Role) -> AsyncIterator[Desk]:
    async with database.connected(settings, role=role), bell_for(settings) as bell:
        if not await database.is_migrated():
            raise CannotStart("the database is not set up: run `otae migrate` first")
        await schema_check.require_tables()
        yield Desk(settings, await keyring.open_vault(settings), bell)


def _told_to_stop() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set. Told while starting: it starts, then ends. Told twice: as once."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def alive(role: str, desk: Desk, activity: heartbeats.Activity) -> AsyncIterator[None]:
    """Give signs of life for the length of the block, and say what this process does."""
    name = f"{role}:{socket.gethostname()[:60]}:{os.getpid()}"
    async with _beside(_beat(name, role, desk, activity)):
        yield
    try:
        await heartbeats.remove(name)
    except DatabaseAway:
        log.info("the last sign of life stays: the database is away", role=role)


async def _beat(name: str, role: str, desk: Desk, activity: heartbeats.Activity) -> None:
    keys = desk.vault.key_ids
    while True:
        try:
            await heartbeats.beat(name, role, now=await database.now(), activity=activity, key_ids=keys)
        except Exception as error:  # noqa: BLE001 - the database may be away; its return is what the next beat shows
            log.warning("no sign of life could be given", role=role, reason=type(error).__name__)
        await asyncio.sleep(HEARTBEAT)


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
