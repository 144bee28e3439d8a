"""Messages that wait to be sent, and processes that send them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path

import anyio
import pytest

from otae.delivery.queue import outbox
from otae.delivery.servers import ServerEntry, add_server
from otae.settings import Settings
from otae.store import database
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation, Person
from tests.desks import MASTER_KEY
from tests.servers.ports import send_signal
from tests.servers.redis import RedisServer
from tests.servers.smtp import SMTPServer


async def queue_mail(desk: Desk, count: int = 1) -> list[Delivery]:
    """Store invitations whose link waits to be mailed, as the transaction of an invitation does; ring nobody."""
    now = await database.now()
    rows = []
    async with transaction():
        for at in range(count):
            person = Person(name=f"ben{at}", display_name="Ben", email=f"ben{at}@example.test", created_at=now)
            invitation = Invitation(
                person_id=person.id,
                mode="username_password",
                ownership="corporate",
                token_hash=f"hash {at}",
                created_by="ada",
                created_at=now,
            )
            token = f"ep-{invitation.id}".encode()
            invitation.token_sealed = desk.vault.seal(token, invitation.id, "invitation.token")
            await person.save(force_create=True)
            await invitation.save(force_create=True)
            rows.append(await outbox.enqueue(invitation, "url", 1, f"ben{at}@example.test", now=now))
    return rows


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Return as soon as ``await check()`` is true; TimeoutError when it never is."""
    with anyio.fail_after(seconds):
        while not await check():  # noqa: ASYNC110 - what is waited for happens in other processes
            await anyio.sleep(0.05)


async def until_sent(count: int) -> None:
    """Wait until ``count`` deliveries say "sent"."""

    async def there() -> bool:
        return await Delivery.filter(status="sent").count() >= count

    await eventually(there)


async def send_through(desk: Desk, smtp: SMTPServer, now: datetime | None = None) -> None:
    """Let mail go out through ``smtp``."""
    entry = ServerEntry(
        name="House mail", host="127.0.0.1", port=smtp.port, from_name="Example GmbH", from_email="it@example.test"
    )
    await add_server(desk, entry, now=now or await database.now(), actor="ada")


@pytest.fixture
def shared_settings(postgres_settings: Settings, redis_server: RedisServer) -> Settings:
    """Give an installation of separate processes: PostgreSQL and an empty Redis."""
    import redis  # noqa: PLC0415 - only where a server runs

    redis.Redis.from_url(redis_server.url).flushall()
    return Settings.load({**environment(postgres_settings), "REDIS_URL": redis_server.url})


def environment(settings: Settings) -> dict[str, str]:
    """Write ``settings`` back as the environment of a process."""
    values = {
        "OTAE_HOME": str(settings.home),
        "OTAE_MASTER_KEYS": MASTER_KEY,
        "PUBLIC_URL": settings.public_url,
        "OTAE_ALLOW_PRIVATE": "1",
    }
    if settings.database_url is not None:
        values["DATABASE_URL"] = settings.database_url.get_secret_value()
    if settings.redis_url is not None:
        values["REDIS_URL"] = settings.redis_url.get_secret_value()
    return values


class Process:
    """A worker or clock in a process of its own; what it prints goes to ``log``.

    ``first``: Python that runs before it starts, to make it die or hurry where a test needs it.
    """

    def __init__(self, role: str, settings: Settings, log: Path, first: str = "") -> None:
        self.log = log
        code = (
            "import os; from otae.settings import Settings; from otae.tasks import runtime\n"
            f"{first}\nruntime.run_{role}(Settings.load(os.environ))"
        )
        environ = {"PATH": os.environ["PATH"], **environment(settings)}
        with log.open("wb") as output:
            self.popen = subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=output, stderr=output)

    def tell(self, number: int = signal.SIGTERM) -> None:
        send_signal(self.popen, number)

    def end(self, seconds: float = 25) -> int:
        return self.popen.wait(seconds)


StartProcess = Callable[..., Process]


@pytest.fixture
def start_process(shared_settings: Settings, tmp_path: Path) -> Iterator[StartProcess]:
    """Give ``start(role, first="")`` for processes; whatever still runs is killed after the test."""
    started: list[Process] = []

    def start(role: str, first: str = "") -> Process:
        started.append(Process(role, shared_settings, tmp_path / f"{role}{len(started)}.log", first))
        return started[-1]

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait()


def says(process: Process, words: str, seconds: float = 20) -> bool:
    """Wait until the process has printed ``words``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.popen.poll() is None:
        if words in process.log.read_text():
            return True
        time.sleep(0.05)
    return words in process.log.read_text()
