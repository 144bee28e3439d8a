"""How long a wrong password takes at the login page, by who is named: nobody is to be told from anybody by it.

A part of `make bench`. A directory (slapd) is the default one: each name costs one hash, one search and one bind.
"""

import asyncio
import ipaddress
import statistics
import sys
import tempfile
import time
from pathlib import Path

from otae.directory.local import people
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import SigninFailed
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database, keyring, properties
from otae.store.desk import Desk, SilentBell
from otae.store.models import Person
from tests.desks import make_settings, prepare
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.servers.slapd import SLAPD, running

#: Tries for each name, one name after the other in every round.
ROUNDS = 90
#: Who is named, and what they are.
NAMES = {
    "ben": "in the directory, invited",
    "cleo": "in the directory, not invited",
    "nobody": "unknown everywhere",
    "olga": "one of our own people",
    "otto": "one of our own people, disabled",
    "same": "two people in the directory",
}


async def one(desk: Desk, name: str, number: int) -> float:
    """Return the seconds of one refusal; each try comes from a network of its own."""
    network = str(ipaddress.ip_address("10.0.0.1") + number * 256)
    begin = time.perf_counter()
    try:
        await sign_in(desk, SignInEntry(name, "wrong", network=network), now=await database.now())
    except SigninFailed:
        return time.perf_counter() - begin
    raise AssertionError(name)


async def fill(desk: Desk) -> None:
    """Add those who are named."""
    now = await database.now()
    await properties.write("enrollment.guess.budget", "100000")
    for name in ("olga", "otto"):
        await people.add_person(desk, name=name, password="correct horse battery", now=now, actor="bench")
    await Person.filter(name="otto").update(disabled=True)
    order = InvitationOrder("ben", InvitationTerms(mode="two_factor", send=False))
    await lifecycle.create(desk, order, now=now, actor="bench")


async def main() -> None:
    """Print the table."""
    if not SLAPD.exists():
        sys.stdout.write("No slapd installed: how long a name takes is not measured.\n")
        return
    with running() as server, tempfile.TemporaryDirectory() as folder:
        settings = make_settings(Path(folder))
        await prepare(settings)
        async with database.connected(settings):
            desk = Desk(settings, await keyring.open_vault(settings), SilentBell())
            await add(desk, entry_for(server))
            await add(desk, active_entry(server))
            await fill(desk)
            took: dict[str, list[float]] = {name: [] for name in NAMES}
            for number in range(ROUNDS):
                turn = number % len(NAMES)  # nobody is always first
                for at, name in enumerate([*NAMES][turn:] + [*NAMES][:turn]):
                    took[name].append(await one(desk, name, number * len(NAMES) + at))
            await desk.resources.close()
    sys.stdout.write(
        "| a wrong password for | median | quartiles | beside nobody, in the same round |\n|---|---|---|---|\n"
    )
    for name, what in NAMES.items():
        low, median, high = (1000 * each for each in statistics.quantiles(took[name], n=4))
        beside = 1000 * statistics.median(a - b for a, b in zip(took[name], took["nobody"], strict=True))
        sys.stdout.write(f"| {what} | {median:.1f} ms | {low:.0f} to {high:.0f} ms | {beside:+.1f} ms |\n")


if __name__ == "__main__":
    asyncio.run(main())
