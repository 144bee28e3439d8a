"""An installation of separate processes on servers that can be killed, and a bulk of mail to go through it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from otae.accounts.administrators import create_administrator
from otae.delivery.queue import bulk_enqueue
from otae.errors import DatabaseAway
from otae.invitations import pins
from otae.settings import Settings
from otae.store import database
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Heartbeat, Invitation, Person, Pin
from otae.tasks import runtime
from tests import desks
from tests.ledger import check_ledger
from tests.servers.ports import free_port, listens, send_signal, wait_until
from tests.servers.router import running as running_router
from tests.servers.smtp import SMTPServer
from tests.tasks.conftest import environment, eventually, send_through

#: `make chaos` asks for the full size; in every other run each fault is shown once, with fewer messages.
FULL = os.environ.get("OTAE_CHAOS") == "full"
SEEDS = [int(seed) for seed in os.environ.get("CHAOS_SEEDS", "1 2 3" if FULL else "1").split()]
MAILS = int(os.environ.get("CHAOS_MAILS", "3000" if FULL else "300"))
#: Seconds for which Redis and PostgreSQL stay away.
REDIS_AWAY, POSTGRES_AWAY = (30, 10) if FULL else (4, 3)
#: What a process is told first: a lease no test has to wait two minutes for.
HURRY = "from datetime import timedelta; from otae.delivery.queue import claims; claims.LEASE = timedelta(seconds=10)"
#: … and: die when the server has accepted, before that is recorded.
DIE_ACCEPTED = (
    HURRY + "; from otae.delivery.queue import worker; import os, signal\n"
    "worker.record_sent = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
)
#: … and: end no invitation.
ENDS_NOTHING = (
    HURRY + "; from otae.invitations import lifecycle\n"
    "async def expire_due(now): return 0\n"
    "lifecycle.expire_due = expire_due"
)
#: Die when the invitation is stored, before anybody is told.
DIE_COMMITTED = (
    "import os, signal; from otae.store.desk import SilentBell\n"
    "SilentBell.ring = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
)
#: One person in so many gets a PIN, too, and therefore two messages.
PIN_EVERY = 10
#: Rows stored in one transaction.
AT_ONCE = 500
ADA_PASSWORD = "four quiet words here"

Note = Callable[[str, object], None]


class Process:
    """`otae …` in a process of its own; what it prints goes to ``log``. ``first``: Python that runs before."""

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], log: Path, first: str = "") -> None:
        self.log = log
        code = f"import sys; sys.argv = {['otae', *arguments]!r}\n{first}\nfrom otae.cli import main; main()"
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-c", code],
                env={"PATH": os.environ["PATH"], "OTAE_LOG_LEVEL": "WARNING", **environ},
                stdout=output,
                stderr=output,
            )

    def tell(self, number: int = signal.SIGTERM) -> None:
        send_signal(self.popen, number)

    def end(self, seconds: float = 25) -> int:
        return self.popen.wait(seconds)


@dataclass
class House:
    """An installation whose mail goes to ``smtp``; ``messages``: how many were ordered."""

    desk: Desk
    smtp: SMTPServer
    folder: Path
    environ: dict[str, str]
    #: Told what the table of `make chaos` says.
    note: Note
    messages: int = 0
    people: int = 0
    processes: list[Process] = field(default_factory=list)

    def start(self, *arguments: str, first: str = HURRY, **more: str) -> Process:
        log = self.folder / f"{len(self.processes)}-{arguments[0]}.log"
        self.processes.append(Process(arguments, self.environ | more, log, first))
        return self.processes[-1]

    def worker(self, first: str = HURRY) -> Process:
        return self.start("worker", first=first)

    async def add_people(self, count: int) -> list[Person]:
        """Store people who may be invited."""
        now, first = await database.now(), self.people
        people = [
            Person(name=f"ben{at}", display_name=f"Ben {at}", email=f"ben{at}@example.test", created_at=now)
            for at in range(first, first + count)
        ]
        await Person.bulk_create(people)
        self.people += count
        return people

    async def order(self, count: int, *, ring: bool = True) -> None:
        """Store invitations of so many people with their messages, as a group's batches do; every tenth has a PIN."""
        for start in range(0, count, AT_ONCE):
            people = await self.add_people(min(AT_ONCE, count - start))
            rows = await self._invite(people)
            if ring:
                self.desk.bell.ring("delivery", *(row.id for row in rows))

    async def _invite(self, people: list[Person]) -> list[Delivery]:
        now, addresses = await database.now(), {person.id: str(person.email) for person in people}
        made = [
            Invitation(
                person_id=person.id,
                mode="username_pin" if at % PIN_EVERY == 0 else "username_password",
                ownership="corporate",
                token_hash=f"hash of {person.name}",
                created_by="ada",
                created_at=now,
            )
            for at, person in enumerate(people)
        ]
        for each in made:
            each.token_sealed = self.desk.vault.seal(f"ep-{each.id}".encode(), each.id, "invitation.token")
        with_pin = [each for each in made if each.mode == "username_pin"]
        minted = [(await pins.mint(self.desk, each, now=now))[0] for each in with_pin]
        async with transaction():
            await Invitation.bulk_create(made)
            await Pin.bulk_create(minted)
            rows = await bulk_enqueue.enqueue_all([(each, addresses[each.person_id]) for each in made], "url", now=now)
            rows += await bulk_enqueue.enqueue_all(
                [(each, addresses[each.person_id]) for each in with_pin], "pin", now=now
            )
        self.messages += len(rows)
        return rows

    async def check(self, *, kills: int = 0, concurrency: int = 8) -> dict[str, int]:
        """Check the ledger, PINs included; return how many rows stand where."""
        standing = await check_ledger(
            [self.smtp], recipients=self.messages, kills=kills, concurrency=concurrency, desk=self.desk
        )
        twice = len(self.smtp.messages) - len({mail.message["Message-ID"] for mail in self.smtp.messages})
        for name, value in {"messages": self.messages, **standing, "kills": kills, "twice": twice}.items():
            self.note(name, value)
        return standing

    def reached(self) -> set[str]:
        """Return who got mail."""
        return {mail.recipients[0] for mail in self.smtp.messages}

    def everybody(self) -> set[str]:
        """Return who is to get mail."""
        return {f"ben{at}@example.test" for at in range(self.people)}

    @contextmanager
    def web(self, **more: str) -> Iterator[Process]:
        """Run pages on ``port`` of the installation until the block ends."""
        process = self.start("serve", first="", **more)
        wait_until(lambda: listens(int(more["PORT"])), "the pages", 60)
        yield process
        process.tell()
        process.end()


@asynccontextmanager
async def opened(
    settings: Settings, smtp: SMTPServer, folder: Path, note: Note = lambda _name, _value: None
) -> AsyncIterator[House]:
    """Open the installation of ``settings``; whatever still runs at the end is killed."""
    async with runtime.bell_for(settings) as bell, desks.opened(settings, bell) as desk:
        await send_through(desk, smtp)
        house = House(desk, smtp, folder, environment(settings), note)
        try:
            yield house
        finally:
            for process in house.processes:
                if process.popen.poll() is None:
                    process.popen.kill()
                    process.popen.wait()


@asynccontextmanager
async def console(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Give Ada's browser, signed in, at pages of the installation behind a TLS router."""
    port = free_port()
    with running_router(port) as router, house.web(PORT=str(port), PUBLIC_URL=router.url):
        await create_administrator(
            house.desk, name="ada", password=ADA_PASSWORD, now=await database.now(), actor="command line"
        )
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": router.url}
        trust = router.identity.client_context()
        async with httpx2.AsyncClient(base_url=router.url, verify=trust, headers=headers, timeout=60) as client:
            answer = await client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
            assert answer.status_code == 303, answer.text
            yield client


async def invitation_form(client: httpx2.AsyncClient, person: str, mode: str = "username_pin") -> dict[str, str]:
    """Return what a browser sends from the form that invites ``person``."""
    page = (await client.get("/admin/invitations/add")).text
    form = {"form_id": re.findall(r'name="form_id" type="hidden" value="([^"]+)"', page)[0]}
    for name in ("url_template", "pin_template", "confirmation_template"):
        form[name] = re.findall(rf'name="{name}"[^>]*><option[^>]* value="([^"]*)"', page)[0]
    return form | {"recipient": person, "platform": "macos", "ownership": "corporate", "mode": mode, "send": "y"}


async def hurry_retries() -> None:
    """Let what waits for its next try be tried now: no test waits five minutes."""
    await Delivery.filter(status="queued").exclude(next_try_at=None).update(next_try_at=None)


async def at_rest() -> int:
    """Return how many messages have come to an end."""
    return await Delivery.filter(status__in=["sent", "failed", "cancelled"]).count()


async def until_at_rest(count: int, seconds: float = 1800) -> None:
    """Wait until ``count`` messages have come to an end; what waits for its next try is tried now."""

    async def there() -> bool:
        try:
            await hurry_retries()
            if await at_rest() >= count:
                return True
        except DatabaseAway:
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.3)
        return False

    try:
        await eventually(there, seconds)
    except TimeoutError:
        rows = await Delivery.exclude(status__in=["sent", "failed", "cancelled"]).limit(20)
        raise AssertionError([(row.status, row.attempt, row.next_try_at, row.answer) for row in rows]) from None


async def until_at_work(worker: Process) -> None:
    """Wait until ``worker`` gives signs of life: from then on it hears what it is told."""

    async def there() -> bool:
        return await Heartbeat.filter(name__endswith=f":{worker.popen.pid}").exists()

    await eventually(there, 60)


async def until_sent(count: int, seconds: float = 600) -> None:
    """Wait until ``count`` messages are sent."""

    async def there() -> bool:
        return await Delivery.filter(status="sent").count() >= count

    await eventually(there, seconds)
