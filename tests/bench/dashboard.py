"""What the dashboard costs with very many invitations: `python -m tests.bench.dashboard --invitations 1000000`.

Each part of the page is asked as a browser asks, and the statements that it ran are run again by themselves, in the
same run on the same rows: PostgreSQL, or with `--sqlite` SQLite.
"""

import argparse
import asyncio
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
from tortoise.connection import get_connection

from otae import paths
from otae.accounts.administrators import create_administrator
from otae.app import make_app
from otae.settings import Settings
from otae.store import database, keyring
from otae.store.desk import Desk
from otae.words import configure_logging
from tests import many_rows
from tests.desks import RecordingBell, make_settings, prepare
from tests.servers.postgres import running, system_binaries

ROUNDS = 50
HEADINGS = "| database | asked | p50 | p95 | CPU | bare SQL p50 | p95 | statements |\n" + "|---" * 8 + "|\n"
PASSWORD = "four quiet words here"
PART = {"HX-Request": "true"}
#: What is asked → address and headers. Without `seen` a part is drawn anew, as after an event.
ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "whole page, 30 days": (paths.CONSOLE(days=30), {}),
    "rollout, with news, 30 days": (paths.CONSOLE(days=30), PART),
    "rollout, with news, 90 days": (paths.CONSOLE(days=90), PART),
    "what needs somebody, with news": (paths.CONSOLE(part="needs"), PART),
}


class Statements(logging.Handler):
    """Keeps the statements that the ORM runs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.kept: list[tuple[str, list[object]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a statement with its values."""
        if isinstance(record.args, tuple) and len(record.args) == 2:
            text, values = record.args
            self.kept.append((str(text), list(values) if isinstance(values, list | tuple) else []))


async def reads_of(ask: Callable[[], Awaitable[object]]) -> list[tuple[str, list[object]]]:
    """Return the statements that ``ask`` reads by, with their values."""
    log, kept = logging.getLogger("tortoise.db_client"), Statements()
    log.addHandler(kept)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    await ask()
    log.removeHandler(kept)
    log.setLevel(logging.WARNING)
    return [each for each in kept.kept if each[0].lstrip().upper().startswith(("SELECT", "WITH"))]


async def beside_bare_sql(ask: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> str:
    """Return the cells of a row: the median, the 95th percentile and the mean CPU of ``ask``, in milliseconds.

    Then median and 95th percentile of its statements run by themselves, in turn with it, and their number.
    """
    reads = await reads_of(ask)

    async def bare() -> None:
        for text, values in reads:
            await get_connection("default").execute_query(text, values)

    times: dict[object, list[float]] = {ask: [], bare: []}
    used = 0.0
    for _ in range(rounds):
        for each in (ask, bare):
            began, cpu = time.perf_counter(), time.process_time()
            await each()
            times[each].append((time.perf_counter() - began) * 1000)
            used += (time.process_time() - cpu) * 1000 if each is ask else 0
    ours, floor = ((statistics.median(found), statistics.quantiles(found, n=20)[-1]) for found in times.values())
    numbers = (f"{each:.1f} ms" for each in (*ours, used / rounds, *floor))
    return f"{' | '.join(numbers)} | {len(reads)}"


async def measure(settings: Settings, name: str, invitations: int) -> None:
    """Fill an installation, and print a line for each part of the page."""
    await prepare(settings)
    async with database.connected(settings):
        desk = Desk(settings, await keyring.open_vault(settings), RecordingBell())
        await many_rows.populate(desk, invitations)
        await create_administrator(
            desk, name="ada", password=PASSWORD, role="ADMIN", now=await database.now(), actor="ada"
        )
        transport = httpx2.ASGITransport(make_app(desk), client=("203.0.113.9", 40_000))
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": settings.public_url}
        async with httpx2.AsyncClient(transport=transport, base_url=settings.public_url, headers=headers) as client:
            await client.post(paths.CONSOLE_SIGN_IN, data={"name": "ada", "password": PASSWORD})
            for what, (address, more) in ASKED.items():
                await _line(client, name, what, address, more)
            page = (await client.get(paths.CONSOLE)).text
            address = page.partition('id="rollout-now"')[2].partition('hx-get="')[2].partition('"')[0]
            await _line(client, name, "rollout, without news", address.replace("&amp;", "&"), PART)


async def _line(client: httpx2.AsyncClient, name: str, what: str, address: str, more: dict[str, str]) -> None:
    async def ask() -> None:
        assert (await client.get(address, headers=more)).status_code in {200, 204}

    sys.stdout.write(f"| {name} | {what} | {await beside_bare_sql(ask)} |\n")
    sys.stdout.flush()


def main() -> None:
    """Measure on PostgreSQL, or on SQLite."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--invitations", type=int, default=20_000)
    parser.add_argument("--sqlite", action="store_true")
    given = parser.parse_args()
    configure_logging("ERROR")
    sys.stdout.write(HEADINGS)
    if given.sqlite:
        with tempfile.TemporaryDirectory() as home:
            asyncio.run(measure(make_settings(Path(home)), "SQLite", given.invitations))
        return
    binaries = system_binaries()
    assert binaries is not None
    with running(binaries) as server, tempfile.TemporaryDirectory() as home:
        where = {"DATABASE_URL": server.url(), "PUBLIC_URL": "https://localhost:8443"}
        asyncio.run(measure(make_settings(Path(home), **where), "PostgreSQL", given.invitations))


if __name__ == "__main__":
    main()
