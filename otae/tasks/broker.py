"""The queue: Redis when there is one, else the process's own memory.

The database is the store of record and a message only a hint, so nothing here is kept, retried or prefetched in depth:
what is lost, the clock rings again.
"""

import asyncio
import queue
import threading
from collections.abc import Iterator
from uuid import UUID

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Middleware

from otae.errors import CannotStart
from otae.overview.doctor import Check
from otae.settings import Settings

QUEUE = "default"
#: Kind of row → actor.
ACTORS = {"delivery": "deliver", "job": "do_job", "group": "invite_group", "import": "import_people"}
#: A kind and the rows of it that wait.
Rung = tuple[str, tuple[UUID, ...]]
#: Most deliveries in one message of the queue.
LIST = 100
#: Hints older than this are dropped, in milliseconds.
STALE = 10 * 60 * 1000
#: Most hints that wait in this process for a Redis that does not answer.
WAITING = 10_000
#: The queue's name for a client of Redis.
NAMESPACE = "otae"

log = structlog.get_logger("otae.tasks")


def make_broker(settings: Settings) -> dramatiq.Broker:
    """Return a broker for ``settings``; it knows its queue and no actors yet, and connects when first used.

    With Redis, a worker counts as dead after five seconds of silence and every fetch looks for the messages of dead
    ones: by the queue's own defaults both take minutes.
    """
    middleware: list[Middleware] = [AgeLimit(max_age=STALE)]
    broker: dramatiq.Broker
    if settings.redis_url is None:
        broker = StubBroker(middleware=middleware)
    else:
        broker = RedisBroker(  # type: ignore[no-untyped-call]  # its constructor carries no types
            client=_client(settings.redis_url.get_secret_value()),
            middleware=middleware,
            namespace=NAMESPACE,
            heartbeat_timeout=5000,
            maintenance_chance=1_000_000,
        )
    broker.declare_queue(QUEUE)
    return broker


def _client(url: str) -> redis.Redis:
    """Return a client of ``url``, which `Settings` has looked through; CannotStart for an option that nobody knows."""
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=5)
        client.connection_pool.make_connection()  # connects to nothing yet, and refuses what it does not know
    except (ValueError, TypeError, redis.RedisError) as error:
        raise CannotStart(f"REDIS_URL: an option after the ? is not taken ({type(error).__name__})") from error
    return client


async def look_at_redis(settings: Settings) -> Check | None:
    """Look whether Redis answers, for the doctor; None when this installation has none."""
    if settings.redis_url is None:
        return None
    client = _client(settings.redis_url.get_secret_value())
    try:
        await asyncio.to_thread(client.ping)
    except redis.RedisError as error:
        words = f"does not answer: {type(error).__name__}"
        return Check(
            "Redis", "failed", words, "Check REDIS_URL and that Redis runs; mails wait in the database meanwhile."
        )
    finally:
        client.close()
    return Check("Redis", "ok", "answers")


class QueueBell:
    """Rings a worker through the queue. Never blocks and never raises: a thread of its own speaks to Redis."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        self.broker = broker
        self._waiting: queue.Queue[Rung | None] = queue.Queue(WAITING)
        self._down = False
        self._thread = threading.Thread(target=self._pass_on, name="bell", daemon=True)
        self._thread.start()

    def ring(self, kind: str, *rows: UUID) -> None:
        """Hint that ``rows`` of ``kind`` ("delivery", "job", "group", "import") wait."""
        try:
            for start in range(0, len(rows), LIST):
                self._waiting.put_nowait((kind, rows[start : start + LIST]))
        except queue.Full:
            self._say_down("too many hints wait for the queue")

    def holds(self, count: int) -> bool:
        """Tell whether ``count`` hints wait already, here or in the queue: more of them would help nobody.

        Asks the queue, so call it in a thread; a queue that does not answer holds nothing.
        """
        if not self._waiting.empty():
            return True
        try:
            return self._in_queue() >= count
        except redis.RedisError:
            return False

    def _in_queue(self) -> int:
        if isinstance(self.broker, StubBroker):
            return int(self.broker.queues[QUEUE].qsize())
        assert isinstance(self.broker, RedisBroker)  # noqa: S101 - `make_broker` makes no other
        return int(self.broker.client.llen(f"{NAMESPACE}:{QUEUE}"))

    def close(self, seconds: float = 5) -> None:
        """Pass on what still waits, for at most ``seconds``; rings after that are lost to the sweep."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _pass_on(self) -> None:
        for kind, rows in self._gathered():
            named = [str(row) for row in rows]
            for argument in [named] if kind == "delivery" else named:
                message: dramatiq.Message[None] = dramatiq.Message(
                    queue_name=QUEUE, actor_name=ACTORS[kind], args=(argument,), kwargs={}, options={}
                )
                try:
                    self.broker.enqueue(message)
                except Exception as error:  # noqa: BLE001 - whatever the queue's trouble is, the sweep finds the row
                    self._say_down(type(error).__name__)
                else:
                    self._down = False

    def _gathered(self) -> Iterator[Rung]:
        """Give what was rung for, until the end; the deliveries that wait here at a time as lists."""
        ended = False
        while not ended:
            taken = [self._waiting.get()]
            while not self._waiting.empty():  # nobody else takes from it
                taken.append(self._waiting.get())
            ended, rung = None in taken, [item for item in taken if item is not None]
            yield from (item for item in rung if item[0] != "delivery")
            rows = [row for kind, rows in rung if kind == "delivery" for row in rows]
            for start in range(0, len(rows), LIST):
                yield "delivery", tuple(rows[start : start + LIST])

    def _say_down(self, reason: str) -> None:
        if not self._down:
            log.warning("the queue does not take hints; the clock will ring again", reason=reason)
        self._down = True
