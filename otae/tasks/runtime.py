"""Runs worker and clock, inside `serve` or as processes of their own, in both cases on one event loop.

Dramatiq's worker threads only wait; every actor's coroutine runs on the loop that also owns the database.
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

from otae.delivery.mail import lmtp
from otae.delivery.queue.worker import DeliveryWorker
from otae.errors import CannotStart, DatabaseAway
from otae.settings import Settings
from otae.store import database, heartbeats
from otae.store.desk import Desk
from otae.store.installation import open_desk
from otae.tasks import schedule
from otae.tasks.actors import declare_actors
from otae.tasks.broker import QueueBell, make_broker

#: Messages worked on at a time: by a worker process, and beside the pages in `serve`.
THREADS, THREADS_EMBEDDED = 8, 4
#: Milliseconds that messages in progress may take to finish after SIGTERM.
GRACE, GRACE_EMBEDDED = 15_000, 8_000
#: Seconds between heartbeats.
HEARTBEAT = 5

log = structlog.get_logger("otae.tasks")


class HostLoop(EventLoopThread):
    """Gives Dramatiq's actors the running event loop instead of starting another one in a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.getLogger(__name__))
        self.loop.close()
        self.loop = loop

    def start(self, *, timeout: float | None = None) -> None:
        """Do nothing: the loop runs already."""

    def stop(self) -> None:
        """Do nothing: this class does not own the loop."""


@asynccontextmanager
async def bell_for(settings: Settings) -> AsyncIterator[QueueBell]:
    """Yield a bell for this installation's queue; on exit the hints that still wait are sent."""
    bell = QueueBell(make_broker(settings))
    try:
        yield bell
    finally:
        await asyncio.to_thread(bell.close)
        bell.broker.close()


@asynccontextmanager
async def embedded(desk: Desk) -> AsyncIterator[None]:
    """Run worker and clock on the running loop for the length of the block; ``desk.bell`` must come from `bell_for`."""
    async with running_worker(desk, THREADS_EMBEDDED, GRACE_EMBEDDED), running_clock(desk):
        yield


@asynccontextmanager
async def running_worker(desk: Desk, threads: int, grace: int) -> AsyncIterator[None]:
    """Run a worker on the queue of ``desk.bell`` for the length of the block.

    Args:
        threads: Messages worked on at a time.
        grace: Milliseconds that messages in progress have to finish at the end.
    """
    if not isinstance(desk.bell, QueueBell):
        raise TypeError("a worker needs the bell of its queue")
    broker = desk.bell.broker
    activity, sender = heartbeats.Activity(), desk.resources.get(DeliveryWorker)
    declare_actors(broker, desk, activity)
    set_event_loop_thread(HostLoop(asyncio.get_running_loop()))
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=200)
    try:
        async with lmtp.lmtp_listener(desk), sender.run(desk):
            worker.start()
            try:
                async with heartbeat(heartbeats.WORKER, desk, activity):
                    yield
            finally:
                sender.closing = True
                await asyncio.to_thread(worker.stop, grace)
    finally:
        set_event_loop_thread(None)


@asynccontextmanager
async def running_clock(desk: Desk) -> AsyncIterator[None]:
    """Run the clock for the length of the block."""
    activity = heartbeats.Activity()
    async with heartbeat(heartbeats.CLOCK, desk, activity), _in_background(schedule.run_clock(desk, activity=activity)):
        yield


def run_worker(settings: Settings) -> None:
    """Run the worker process until SIGTERM; CannotStart without a queue to share."""
    _needs_queue(settings, "worker")
    asyncio.run(_worker(settings))


def run_clock(settings: Settings) -> None:
    """Run the clock process until SIGTERM; CannotStart without a queue to share."""
    _needs_queue(settings, "clock")
    asyncio.run(_clock(settings))


def _needs_queue(settings: Settings, role: str) -> None:
    if settings.inline_worker:
        raise CannotStart(f"REDIS_URL is not set: `serve` runs the {role} itself; set it to run a {role} of its own")


async def _worker(settings: Settings) -> None:
    stop = _stop_event()
    async with (
        bell_for(settings) as bell,
        open_desk(settings, bell=bell, role="worker") as desk,
        running_worker(desk, THREADS, GRACE),
    ):
        await stop.wait()
        log.info("ending")


async def _clock(settings: Settings) -> None:
    stop = _stop_event()
    async with bell_for(settings) as bell, open_desk(settings, bell=bell, role="clock") as desk, running_clock(desk):
        await stop.wait()
        log.info("ending")


def _stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; set during startup, the process starts and then ends."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def heartbeat(role: str, desk: Desk, activity: heartbeats.Activity) -> AsyncIterator[None]:
    """Write this process's heartbeat, with its current activity, for the length of the block."""
    name = f"{role}:{socket.gethostname()[:60]}:{os.getpid()}"
    async with _in_background(_beat(name, role, desk, activity)):
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
async def _in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
