"""The message queue: Redis when REDIS_URL is set, else this process's memory.

The database is the store of record and a message only a hint that a row waits. So nothing here is stored, retried or
prefetched in depth: the clock sends a lost hint again.
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
ACTORS = {
    "delivery": "deliver",
    "job": "do_job",
    "group": "invite_group",
    "import": "import_people",
    "administrator-mail": "mail_administrator",
}
#: A kind of row and the ids of those that wait.
Hint = tuple[str, tuple[UUID, ...]]
#: Most deliveries in one message of the queue.
BATCH_SIZE = 100
#: Hints older than this are dropped, in milliseconds.
MAX_AGE = 10 * 60 * 1000
#: Most hints that wait in this process for a Redis that does not answer.
MAX_PENDING = 10_000
#: Prefix of the queue's keys in Redis.
NAMESPACE = "otae"

log = structlog.get_logger("otae.tasks")


def make_broker(settings: Settings) -> dramatiq.Broker:
    """Return a broker with its queue declared and without actors; it connects when first used.

    With Redis, a worker counts as dead after five seconds of silence and every fetch looks for the messages of dead
    workers: by Dramatiq's defaults both take minutes.
    """
    middleware: list[Middleware] = [AgeLimit(max_age=MAX_AGE)]
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
    """Return a Redis client for ``url``, which `Settings` has checked.

    Raises:
        CannotStart: The URL has an option that redis-py does not know.
    """
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=5)
        client.connection_pool.make_connection()  # connects to nothing yet, and refuses what it does not know
    except (ValueError, TypeError, redis.RedisError) as error:
        raise CannotStart(f"REDIS_URL: an option after the ? is not taken ({type(error).__name__})") from error
    return client


async def check_redis(settings: Settings) -> Check | None:
    """Check for the doctor that Redis answers; None when this installation has none."""
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
    """Wakes a worker through the queue. It never blocks and never raises: a thread of its own talks to Redis."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        self.broker = broker
        self._waiting: queue.Queue[Hint | None] = queue.Queue(MAX_PENDING)
        self._down = False
        self._thread = threading.Thread(target=self._pass_on, name="bell", daemon=True)
        self._thread.start()

    def ring(self, kind: str, *rows: UUID) -> None:
        """Send a hint that ``rows`` wait.

        Args:
            kind: one of ACTORS.
            rows: Ids of the rows.
        """
        try:
            for start in range(0, len(rows), BATCH_SIZE):
                self._waiting.put_nowait((kind, rows[start : start + BATCH_SIZE]))
        except queue.Full:
            self._warn_once("too many hints wait for the queue")

    def has_backlog(self, count: int) -> bool:
        """Return whether at least ``count`` hints wait already, so that more would help nobody.

        It asks the queue and blocks: call it in a thread. A queue that does not answer counts as empty.
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
        """Send the hints that still wait, for at most ``seconds``; later ones are lost and found by the sweep."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _pass_on(self) -> None:
        for kind, rows in self._batches():
            named = [str(row) for row in rows]
            for argument in [named] if kind == "delivery" else named:
                message: dramatiq.Message[None] = dramatiq.Message(
                    queue_name=QUEUE, actor_name=ACTORS[kind], args=(argument,), kwargs={}, options={}
                )
                try:
                    self.broker.enqueue(message)
                except Exception as error:  # noqa: BLE001 - whatever the queue's trouble is, the sweep finds the row
                    self._warn_once(type(error).__name__)
                else:
                    self._down = False

    def _batches(self) -> Iterator[Hint]:
        """Yield the waiting hints until the bell is closed, with the deliveries that wait at the same time merged."""
        ended = False
        while not ended:
            taken = [self._waiting.get()]
            while not self._waiting.empty():  # nobody else takes from it
                taken.append(self._waiting.get())
            ended, hints = None in taken, [item for item in taken if item is not None]
            yield from (item for item in hints if item[0] != "delivery")
            rows = [row for kind, rows in hints if kind == "delivery" for row in rows]
            for start in range(0, len(rows), BATCH_SIZE):
                yield "delivery", tuple(rows[start : start + BATCH_SIZE])

    def _warn_once(self, reason: str) -> None:
        if not self._down:
            log.warning("the queue does not take hints; the clock will ring again", reason=reason)
        self._down = True
