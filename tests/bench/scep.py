"""PKIOperations beside Debian's scepserver: the same client, the same cores, in turn, in one run.

`python -m tests.bench.scep` prints two tables. The product runs as two web processes on PostgreSQL and stores all it
does; scepserver (package `scep`) is one process that uses every core and keeps its certificates in files.
"""

import asyncio
import hashlib
import http.client
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path

from cryptography import x509
from tortoise.connection import get_connection

from otae.enrollment import issuance, sessions
from otae.signing import csr, issuing, scep, scep_client
from otae.signing.certificates import Keyed
from otae.signing.cms import signed_data
from otae.signing.der import octets
from otae.signing.envelopes import encrypt
from otae.store import database, keyring
from otae.store.desk import Desk, SilentBell
from otae.store.models import Certificate, Challenge, EnrollmentSession
from otae.store.states import SessionStatus
from tests.desks import make_settings, prepare
from tests.enrollment import lab
from tests.flow.processes import ROOT, environment
from tests.servers.ports import free_port, listens, wait_until
from tests.servers.postgres import bundled_binaries, running, system_binaries
from tests.servers.redis import redis_program
from tests.servers.redis import running as running_redis

ROUNDS, EACH, CLIENTS = 3, 240, 8
DEPTHS = (0, 10_000, 100_000)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """Who answers: ``ports`` in turn; ``pids`` are its processes, ``beside`` those of its database."""

    ports: Sequence[int]
    pids: Sequence[int]
    beside: int | None = None

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds so far, of the server and of its database."""
        database_pids = _children(self.beside) if self.beside else []
        return sum(map(_cpu, self.pids)), sum(map(_cpu, database_pids))


@dataclass(frozen=True)
class Measured:
    """Operations a second, CPU milliseconds of an operation in the server and in its database, share of successes."""

    rate: float
    cpu: float
    database: float
    granted: float


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended between the listing and the reading
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def post(port: int, messages: Sequence[bytes]) -> int:
    """Send messages one after the other over one connection; return how many replies carry a certificate."""
    connection, carried = http.client.HTTPConnection("127.0.0.1", port, timeout=60), 0
    for message in messages:
        headers = {"Content-Type": "application/x-pki-message"}
        connection.request("POST", "/scep?operation=PKIOperation", message, headers)
        answer = connection.getresponse().read()
        carried += len(answer) > 2700  # a refusal has no content and is shorter
    connection.close()
    return carried


def measure(server: Server, messages: Sequence[bytes]) -> Measured:
    """Send all messages from CLIENTS connections at once."""
    before, begin = server.cpu(), time.monotonic()
    shares = [messages[n::CLIENTS] for n in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        carried = sum(pool.map(post, [port for port, _ in zip(cycle(server.ports), shares, strict=False)], shares))
    took, after = time.monotonic() - begin, server.cpu()
    ours, stored = (1000 * (end - start) / len(messages) for start, end in zip(before, after, strict=True))
    return Measured(len(messages) / took, ours, stored, carried / len(messages))


def request(challenge: str, name: str, to: x509.Certificate, signer: Keyed) -> bytes:
    """Make a PKCSReq as a Mac does; ``name``: CN and transactionID."""
    envelope = encrypt(csr.build(lab.key("identity"), name, challenge), to, "aes-128-cbc")
    attributes = {
        scep.MESSAGE_TYPE: scep.printable("19"),
        scep.TRANSACTION_ID: scep.printable(name),
        scep.SENDER_NONCE: octets(secrets.token_bytes(16)),
    }
    return signed_data(envelope, signer, [signer.certificate], "sha256", attributes)


async def requests(ra: x509.Certificate, signer: Keyed, now: datetime) -> list[bytes]:
    """Store EACH sessions that wait for their certificate, and make their requests."""
    person, until = await lab.person(now), now + timedelta(hours=1)
    waiting = [
        EnrollmentSession(
            person_id=person.id,
            mode="username_password",
            ownership="corporate",
            way="profile",
            status=SessionStatus.CONFIGURED,
            opened_at=now,
            expires_at=until,
        )
        for _ in range(EACH)
    ]
    await EnrollmentSession.bulk_create(waiting)
    clear = [secrets.token_hex(20) for _ in waiting]
    await Challenge.bulk_create(
        Challenge(
            session_id=session.id,
            secret_hash=hashlib.sha256(secret.encode()).hexdigest(),
            purpose=sessions.MDM_IDENTITY,
            created_at=now,
            expires_at=until,
        )
        for session, secret in zip(waiting, clear, strict=True)
    )
    return [request(secret, secrets.token_hex(8), ra, signer) for secret in clear]


async def deepen(to: int, now: datetime) -> None:
    """Store certificates until there are ``to``."""
    issuer = await Certificate.get(purpose="device-ca", active=True)
    missing = to - await Certificate.filter(purpose="mdm-identity").count()
    for start in range(0, missing, 5000):
        rows = [
            Certificate(
                purpose="mdm-identity",
                serial_number=secrets.token_hex(16),
                subject="CN=otae,O=otae",
                sha256=secrets.token_hex(32),
                der=issuer.der,
                not_before=now,
                not_after=now + timedelta(days=365),
                issuer_id=issuer.id,
                created_at=now,
            )
            for _ in range(min(5000, missing - start))
        ]
        await Certificate.bulk_create(rows)


@asynccontextmanager
async def product(folder: Path) -> AsyncIterator[tuple[Server, Desk]]:
    """Run the product: PostgreSQL, two web processes, and a desk of our own on the same database."""
    binaries = system_binaries() or bundled_binaries()
    if binaries is None:
        raise RuntimeError("there is no PostgreSQL")
    with ExitStack() as stack:
        postgres = stack.enter_context(running(binaries, tls=False))  # on one machine, as scepserver's files are
        program = redis_program()
        if program is None:
            raise RuntimeError("there is no Redis")
        queue = stack.enter_context(running_redis(program)).url  # or each would run worker and clock inside
        more = {"DATABASE_URL": postgres.fresh(), "PUBLIC_URL": "https://localhost:8443", "REDIS_URL": queue}
        settings = make_settings(folder, **more)
        await prepare(settings)
        ports, pids = [free_port(), free_port()], []
        for port in ports:
            values = environment(folder, **more, PORT=str(port), OTAE_LOG_LEVEL="WARNING")
            log = stack.enter_context((folder / f"{port}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", "otae", "serve"], cwd=ROOT, env=values, stdout=log, stderr=log
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            pids.append(process.pid)
        for port in ports:
            wait_until(partial(listens, port), f"port {port}", 120)
        async with database.connected(settings):
            desk = Desk(settings, await keyring.open_vault(settings), SilentBell())
            backend = await get_connection("default").execute_query_dict("SELECT pg_backend_pid() AS pid")
            yield Server(ports, pids, _parent(backend[0]["pid"])), desk


@contextmanager
def scepserver(folder: Path) -> Iterator[tuple[Server, x509.Certificate]]:
    """Run Debian's scepserver with a challenge of its own and a fresh folder of certificates."""
    depot, port = folder / "depot", free_port()
    make = ["scepserver", "ca", "-init", "-depot", str(depot), "-key-password", "secret", "-keySize", "2048"]
    subprocess.run(make, check=True, capture_output=True)
    command = ["scepserver", "-depot", str(depot), "-port", str(port), "-challenge", "static", "-capass", "secret"]
    with (folder / "scepserver.log").open("wb") as log:
        process = subprocess.Popen([*command, "-allowrenew", "0"], stdout=log, stderr=log)
        try:
            wait_until(partial(listens, port), "scepserver", 30)
            ca = x509.load_pem_x509_certificate((depot / "ca.pem").read_bytes())
            yield Server([port], [process.pid]), ca
        finally:
            process.terminate()
            process.wait(30)


def line(name: str, found: Sequence[Measured]) -> str:
    """Return a row: medians, and the spread of the rate."""
    names = ("rate", "cpu", "database", "granted")
    rate, cpu, stored, granted = (statistics.median(getattr(one, key) for one in found) for key in names)
    spread = f"{min(one.rate for one in found):.0f} to {max(one.rate for one in found):.0f}"
    return f"| {name} | {rate:.0f}/s ({spread}) | {cpu:.2f} ms | {stored:.2f} ms | {granted:.0%} |"


async def side_by_side(server: Server, desk: Desk, folder: Path) -> list[str]:
    """Measure both in turn; return the rows and their ratio."""
    now, ra, signer = await database.now(), await _ra(desk), _signer()
    ours, theirs = [], []
    with scepserver(folder) as (other, ca):
        for _ in range(ROUNDS):
            messages = await requests(ra, signer, now)
            ours.append(await asyncio.to_thread(measure, server, messages))
            messages = [request("static", secrets.token_hex(8), ca, signer) for _ in range(EACH)]
            theirs.append(await asyncio.to_thread(measure, other, messages))
    rate = statistics.median(mine.rate / other.rate for mine, other in zip(ours, theirs, strict=True))
    cpu = statistics.median(mine.cpu / other.cpu for mine, other in zip(ours, theirs, strict=True))
    return [
        line("otae, two web processes, PostgreSQL", ours),
        line("scepserver", theirs),
        f"| ratio of the two, median of {ROUNDS} rounds | {rate:.2f} | {cpu:.2f} | | |",
    ]


async def by_depth(server: Server, desk: Desk) -> list[str]:
    """Measure the product with more and more certificates stored; return the rows."""
    ra, signer, rows = await _ra(desk), _signer(), []
    for depth in DEPTHS:
        now = await database.now()
        await deepen(depth, now)
        await get_connection("default").execute_script("VACUUM ANALYZE")
        found = [await asyncio.to_thread(measure, server, await requests(ra, signer, now)) for _ in range(3)]
        rows.append(line(f"{depth:,} certificates stored".replace(",", " "), found))
    return rows


async def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        head = "| | PKIOperations (spread) | CPU of the server each | of its database | got a certificate |\n"
        head += "|---|---|---|---|---|\n"
        async with product(folder) as (server, desk):
            measure(server, await requests(await _ra(desk), _signer(), await database.now()))  # warm
            sys.stdout.write(head + "\n".join(await side_by_side(server, desk, folder)) + "\n\n")
            sys.stdout.flush()
            sys.stdout.write(head + "\n".join(await by_depth(server, desk)) + "\n")


async def _ra(desk: Desk) -> x509.Certificate:
    return scep_client.registration_authority(scep_client.read_certificates(await issuance.ca_certificates(desk)))


def _signer() -> Keyed:
    return issuing.build_scep_signer(lab.key("temporary"), **lab.TERM)


if __name__ == "__main__":
    asyncio.run(main())
