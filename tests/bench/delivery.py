"""A group's invitations from Save to the last acceptance, beside a bare SMTP loop over the same messages.

`python -m tests.bench.delivery --people 10000` prints a row for a mode without PIN and one for a mode with PIN. The
product runs as deployed: pages, workers (`--workers`) and clock as processes of their own on PostgreSQL and Redis.
The sink is Postfix's smtp-sink where it is installed, else a small server in a process of its own.
"""

import argparse
import asyncio
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiosmtplib

from otae.delivery.servers import ServerEntry, active_server, add_server
from otae.delivery.texts.compose import load_message_data
from otae.invitations import groups
from otae.invitations.groups import GroupOrder, Status
from otae.invitations.terms import InvitationTerms
from otae.settings import Settings
from otae.store import database, keyring, passwords
from otae.store.desk import Desk
from otae.store.models import Delivery, Group, GroupInvitation, Membership, Person
from otae.store.resources import Resources
from otae.tasks import runtime
from tests.bench.sink import sink
from tests.desks import make_settings, prepare
from tests.flow.processes import ROOT, environment
from tests.servers.ports import free_port, listens, wait_until
from tests.servers.postgres import bundled_binaries, system_binaries
from tests.servers.postgres import running as running_postgres
from tests.servers.redis import redis_program
from tests.servers.redis import running as running_redis

LINES = 8
#: Messages composed for the bare loop; it sends them in turn until as many were sent as the product sent.
READY = 200
HASHES = 100


@dataclass
class Deployed:
    """What runs: the workers, and a desk of our own on the same database."""

    desk: Desk
    port: int
    workers: list[subprocess.Popen[bytes]]

    def memory(self) -> int:
        """Return the resident memory of the largest worker in MiB."""
        statuses = [Path(f"/proc/{each.pid}/status").read_text() for each in self.workers]
        return max(int(status.partition("VmRSS:")[2].split()[0]) // 1024 for status in statuses)

    def cpu(self) -> float:
        """Return the CPU seconds of all workers so far."""
        stats = [Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split() for each in self.workers]
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def deployed(folder: Path, smtp_port: int, workers: int = 1) -> AsyncIterator[Deployed]:
    """Run the product with so many workers, its mail going to ``smtp_port``."""
    binaries, program = system_binaries() or bundled_binaries(), redis_program()
    if binaries is None or program is None:
        raise RuntimeError("there is no PostgreSQL or no Redis")
    with ExitStack() as stack:
        postgres, redis = stack.enter_context(running_postgres(binaries)), stack.enter_context(running_redis(program))
        port = free_port()
        more = {"DATABASE_URL": postgres.fresh(), "PUBLIC_URL": "https://localhost:8443", "REDIS_URL": redis.url}
        settings = make_settings(folder, **more)
        await prepare(settings)
        values = environment(folder, **more, OTAE_ALLOW_PRIVATE="1", OTAE_LOG_LEVEL="WARNING")
        working = []
        for at, role in enumerate(("serve", "clock", *["worker"] * workers)):
            log = stack.enter_context((folder / f"{at}-{role}.log").open("wb"))
            started = [sys.executable, "-m", "otae", role]
            place = {"PORT": str(port)} if role == "serve" else {}
            process = subprocess.Popen(started, cwd=ROOT, env=values | place, stdout=log, stderr=log)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            working += [process] if role == "worker" else []
        wait_until(partial(listens, port), "the pages", 60)
        async with at_the_desk(settings, smtp_port) as desk:
            yield Deployed(desk, port, working)


@asynccontextmanager
async def at_the_desk(settings: Settings, smtp_port: int) -> AsyncIterator[Desk]:
    """Open the same installation from here."""
    async with database.connected(settings), runtime.bell_for(settings) as bell:
        desk = Desk(settings, await keyring.open_vault(settings), bell)
        entry = ServerEntry(
            name="sink",
            host="127.0.0.1",
            port=smtp_port,
            from_name="Example",
            from_email="it@example.test",
            connections=LINES,
        )
        await add_server(desk, entry, now=await database.now(), actor="ada")
        yield desk


@dataclass
class Pages:
    """Somebody who looks at the login page four times a second; ``seconds``: how long each answer took."""

    port: int
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Look until told to stop."""
        headers = {"Host": "localhost:8443", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
        while not self.stop.wait(0.25):
            begin = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("GET", "/zdm/macos/otae/login", headers=headers)
            self.failed += connection.getresponse().status != 200
            connection.close()
            self.seconds.append(time.monotonic() - begin)


@contextmanager
def somebody_looking(port: int) -> Iterator[Pages]:
    """Let somebody look at pages for the length of the block."""
    pages = Pages(port)
    thread = threading.Thread(target=pages.look)
    thread.start()
    try:
        yield pages
    finally:
        pages.stop.set()
        thread.join()


async def crowd(name: str, people: int) -> None:
    """Put so many people into a group."""
    now, group = await database.now(), await Group.create(domain="local", name=name)
    for start in range(0, people, 1000):
        rows = [
            Person(
                name=f"{name}{at}",
                display_name=f"Person {at}",
                email=f"{name}{at}@example.test",
                password_hash="none that fits",
                created_at=now,
            )
            for at in range(start, min(start + 1000, people))
        ]
        await Person.bulk_create(rows)
        await Membership.bulk_create([Membership(group_id=group.id, person_id=row.id) for row in rows])


@dataclass(frozen=True)
class Measured:
    """What one bulk took. ``memory``: of the worker, in MiB, at the start, in the middle and at the end."""

    seconds: float
    messages: int
    cpu: float
    memory: Sequence[int]
    pages: Pages


async def until(row: GroupInvitation, status: Status) -> None:
    """Wait until an order has come so far."""
    while (await GroupInvitation.get(id=row.id).only("id", "status")).status != status:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.1)


async def bulk(house: Deployed, mode: str, people: int) -> Measured:
    """Invite a group as Ada does, and wait for the last acceptance."""
    await crowd(mode, people)
    messages, before = people * (2 if mode == "username_pin" else 1), await Delivery.filter(status="sent").count()
    memory, cpu, begin = [house.memory()], house.cpu(), time.monotonic()
    with somebody_looking(house.port) as pages:
        now = await database.now()
        row = await groups.order(house.desk, GroupOrder(mode, InvitationTerms(mode=mode)), now=now, actor="ada")
        await until(row, Status.READY)
        row = await GroupInvitation.get(id=row.id)
        await groups.start(house.desk, row, now=await database.now(), actor="ada")
        while (sent := await Delivery.filter(status="sent").count() - before) < messages:
            if len(memory) == 1 and sent >= messages // 2:
                memory.append(house.memory())
            await asyncio.sleep(0.2)
        took = time.monotonic() - begin
    return Measured(took, messages, house.cpu() - cpu, [*memory, house.memory()], pages)


async def bare(desk: Desk, port: int, count: int) -> float:
    """Send ready messages over as many lines as the product has; return messages a second."""
    server = await active_server()
    ready = []
    rows = await Delivery.filter(kind="url").limit(READY).select_related("invitation__person")
    material = await load_message_data(desk, [(row, row.invitation) for row in rows], await database.now())
    for row in rows:
        message = material.mail(row, row.invitation, now=await database.now(), server=server)
        ready.append((row.recipient, message.content))
    left = iter(range(count))

    async def one_line() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for at in left:
                recipient, content = ready[at % len(ready)]
                await client.sendmail("it@example.test", [recipient], content)

    begin = time.monotonic()
    await asyncio.gather(*(one_line() for _ in range(LINES)))
    return count / (time.monotonic() - begin)


async def hashing() -> float:
    """Return PIN hashes a second, one after the other."""
    begin, resources = time.monotonic(), Resources()
    for at in range(HASHES):
        await passwords.hash_secret(resources, str(at).encode())
    return HASHES / (time.monotonic() - begin)


def line(mode: str, found: Measured, people: int, floor: float, beside: str) -> str:
    """Return a row of the table; ``floor``: people a second of what it cannot be quicker than."""
    rate = people / found.seconds
    looks = sorted(found.pages.seconds)
    pages = f"{statistics.median(looks) * 1000:.0f} ms, at most {looks[-1] * 1000:.0f} ms, {found.pages.failed} failed"
    memory = " → ".join(map(str, found.memory))
    each = 1000 * found.cpu / found.messages
    return (
        f"| {mode} | {people} people, {found.messages} messages in {found.seconds:.0f} s | {rate:.0f}/s | "
        f"{floor:.0f}/s ({beside}) | {rate / floor:.2f} | {each:.1f} ms | {memory} MiB | {pages} |"
    )


async def main(people: int, workers: int = 1) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name, sink() as (port, called):
        async with deployed(Path(name), port, workers) as house:
            await asyncio.sleep(3)  # until worker and clock are at work
            sys.stdout.write(
                f"Sink: {called}\n\n| mode | | people | beside | ratio | worker CPU a message | memory | login page |\n"
            )
            sys.stdout.write("|---" * 8 + "|\n")
            for mode in ("username_password", "username_pin"):
                found = await bulk(house, mode, people)
                loop = await bare(house.desk, port, found.messages) * people / found.messages
                hashes = await hashing() if mode == "username_pin" else loop
                floor, beside = min((loop, f"bare loop, {found.messages} messages"), (hashes, "hashing PINs alone"))
                sys.stdout.write(line(mode, found, people, floor, beside) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.delivery")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(main(given.people, given.workers))
