"""What lists, searches and exports cost with very many rows: `python -m tests.bench.lists --people 100000`.

Each is asked in turn with the statements that it ran, which are run again by themselves. `--only sqlite` or `--only
postgres` leaves the other database out.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from otae.directory import lookup, reach
from otae.directory.lookup import PeopleFilter
from otae.directory.reach import EVERYBODY
from otae.invitations import exports, lifecycle, listing
from otae.invitations.listing import Filters
from otae.mdm import devices
from otae.mdm.devices import DeviceFilters
from otae.overview import attention, retention, search
from otae.settings import Settings
from otae.store import database, keyring
from otae.store.desk import Desk
from otae.store.rollout import Step
from tests import many_rows
from tests.bench.dashboard import HEADINGS, beside_bare_sql
from tests.desks import RecordingBell, make_settings, prepare
from tests.servers.postgres import running, system_binaries

ROUNDS = 25


def every_order_and_filter(now: datetime, last: UUID) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return what the console's lists ask in each order, first page and deep, and with each filter; and one export."""
    asked: dict[str, Callable[[], Awaitable[object]]] = {}
    for name, order in listing.ORDERS.items():
        asked[f"invitations by {name}"] = partial(listing.list_invitations, limit=51, order=order)
        asked[f"invitations by {name}, deep"] = partial(
            listing.list_invitations, after=str(last), limit=51, order=order
        )
        asked[f"pending invitations by {name}"] = partial(listing.list_invitations, "pending", limit=51, order=order)
    for name, order in devices.ORDERS.items():
        asked[f"Macs by {name}"] = partial(devices.list_devices, limit=51, order=order)
        asked[f"Macs by {name}, deep"] = partial(devices.list_devices, after=last, limit=51, order=order)
    day = now - timedelta(days=10)
    for words, filters in {
        "a mode": Filters(mode="username_pin"),
        "an ownership": Filters(ownership="employee"),
        "who made them": Filters(created_by="eve"),
        "a day": Filters(created_from=day, created_to=day + timedelta(days=1)),
        "an end": Filters(ends_from=day, ends_to=day + timedelta(days=1)),
        "a step": Filters(stopped=Step.OPENED),
    }.items():
        asked[f"invitations of {words}"] = partial(listing.list_invitations, limit=51, filters=filters)
        asked[f"their counts, of {words}"] = partial(listing.counts, filters=filters)
    for words, wanted in {
        "a status": DeviceFilters(status="unenrolled"),
        "a macOS": DeviceFilters(os_version="15.1"),
        "a model": DeviceFilters(model="Mac mini"),
        "silence": DeviceFilters(silent_since=now - timedelta(days=30)),
    }.items():
        asked[f"Macs of {words}"] = partial(devices.list_devices, wanted, limit=51)
        asked[f"number of Macs of {words}"] = partial(devices.count_devices, wanted, reach.EVERYBODY)

    async def export() -> None:
        async for _part in exports.invitations("pending"):
            pass

    return asked | {"CSV of pending invitations": export}


async def measure(settings: Settings, name: str, people: int) -> None:
    """Fill an installation and print the median time of each thing that is asked."""
    await prepare(settings)
    async with database.connected(settings):
        await many_rows.populate(Desk(settings, await keyring.open_vault(settings), RecordingBell()), people)
        now, last = await database.now(), UUID(f"00000000-0000-4000-8000-{people - 200:012}")

        anybody = search.Seeker(lambda _permission: True, EVERYBODY)

        async def unknown_link() -> None:
            await lifecycle.find_by_token(f"ep-{last}")
            await lifecycle.refuse_replaced(f"ep-{last}")

        async def first_page() -> None:
            await listing.list_invitations(limit=51)
            await listing.counts()

        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "unknown link": unknown_link,
            "invitations with their counts": first_page,
            "a deep page of 500": lambda: listing.list_invitations(after=str(last), limit=500),
            "search of invitations": lambda: listing.list_invitations(limit=51, filters=Filters(search="lukasz")),
            "search of people": lambda: lookup.filter_people(PeopleFilter(search="lukasz")),
            "search of devices": lambda: devices.list_devices(DeviceFilters(search="c0299999"), limit=51),
            "find anything, a name": lambda: search.find("lukasz", anybody),
            "find anything, what everybody has": lambda: search.find("example", anybody),
            "find anything, a serial number": lambda: search.find("c0299999", anybody),
            "find anything, two letters": lambda: search.find("lu", anybody),
            "find anything, a support code": lambda: search.find("BCDFGHJK", anybody),
            "find anything, nothing": lambda: search.find("nobody at all", anybody),
            "dashboard": lambda: attention.dashboard(now=now),
            "retention, nothing to remove": lambda: retention.forget_old(now=now),
        }
        for what, ask in (asked | every_order_and_filter(now, last)).items():
            await ask()
            cells = await beside_bare_sql(ask, 3 if what.startswith("CSV") else ROUNDS)
            sys.stdout.write(f"| {name} | {what} | {cells} |\n")
            sys.stdout.flush()


def main() -> None:
    """Measure on both databases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    given = parser.parse_args()
    people = given.people
    sys.stdout.write(HEADINGS)
    if given.only != "postgres":
        with tempfile.TemporaryDirectory() as home:
            asyncio.run(measure(make_settings(Path(home)), "SQLite", people))
    if given.only == "sqlite":
        return
    binaries = system_binaries()
    assert binaries is not None
    with running(binaries) as server, tempfile.TemporaryDirectory() as home:
        where = {"DATABASE_URL": server.url(), "PUBLIC_URL": "https://localhost:8443"}
        asyncio.run(measure(make_settings(Path(home), **where), "PostgreSQL", people))


if __name__ == "__main__":
    main()
