"""A directory that is killed and paused while a large group of it is looked up and its people sign in (F24)."""

import asyncio
import random
import signal
from collections import Counter as Tally

import pytest

from otae.directory.local import people
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import DirectoryUnavailable
from otae.invitations import group_worker, groups, lifecycle
from otae.invitations.groups import GroupOrder, Status
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Counter, GroupInvitation, GroupInvitee, Pin
from tests.chaos.house import FULL, Note
from tests.directory.ldap_desk import add, entry_for
from tests.servers.ldap_trees import MEMBERS, PASSWORD
from tests.servers.slapd import CROWD, NESTED, LdapServer, running

pytestmark = pytest.mark.anyio

OURS = "correct horse battery"
GROUP, SIZE = ("corp/everybody", MEMBERS) if FULL else ("corp/nested", NESTED + 1)
FAULTS = 20 if FULL else 4


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    return sqlite_desk


async def break_it(server: LdapServer, dice: random.Random) -> None:
    """Kill or pause the server for a moment, again and again."""
    for _ in range(FAULTS):
        await asyncio.sleep(dice.uniform(0.3, 1))
        if dice.random() < 0.5:
            server.kill()
            await asyncio.sleep(dice.uniform(0.2, 1.5))
            await asyncio.to_thread(server.start)
        else:
            server.tell(signal.SIGSTOP)
            await asyncio.sleep(dice.uniform(0.2, 2.5))
            server.tell(signal.SIGCONT)


async def look_up(desk: Desk, row: GroupInvitation) -> None:
    """Do what workers do, without waiting for leases to end."""
    while row.status == Status.DRY_RUN:
        await GroupInvitation.filter(id=row.id).update(lease_until=None)
        await group_worker.step(desk, row.id, now=await database.now())
        await row.refresh_from_db()
        await asyncio.sleep(0.01)


async def invited(desk: Desk) -> dict[str, SignInEntry]:
    """Invite Ben twice, add Olga to our own people, and give what each of them enters, by how."""
    now = await database.now()
    await people.add_person(desk, name="olga", password=OURS, now=now, actor="ada")
    made = []
    for mode in ("two_factor", "username_pin"):
        order = InvitationOrder("corp/ben", InvitationTerms(mode=mode, send=False), show_pin=True)
        made.append(await lifecycle.create(desk, order, now=now, actor="ada"))
    two, pin = made
    return {
        "link": SignInEntry("ben", PASSWORD, two.pin or "", two.invitation, "192.0.2.1"),
        "bare": SignInEntry("corp\\ben", PASSWORD, network="192.0.2.2"),
        "pin": SignInEntry("ben", "", pin.pin or "", pin.invitation, "192.0.2.3"),
        "ours": SignInEntry("olga", OURS, network="192.0.2.4"),
    }


async def again_and_again(
    desk: Desk, who: str, entry: SignInEntry, told: Tally[str], until: "asyncio.Task[None]"
) -> None:
    """Sign in until a task is done, and count what came of it."""
    while not until.done():
        try:
            await sign_in(desk, entry, now=await database.now())
        except DirectoryUnavailable:
            told[f"{who} away"] += 1
        else:
            told[f"{who} in"] += 1
        await asyncio.sleep(0.05)


async def test_nobody_is_lost_locked_out_or_told_a_wrong_password(desk: Desk, seed: int, record_property: Note) -> None:
    dice, told = random.Random(seed), Tally[str]()  # noqa: S311 - when to break it, not a secret
    with running(crowd=CROWD if FULL else NESTED) as server:
        await add(desk, entry_for(server, timeout=1))
        entries = await invited(desk)
        order = GroupOrder(GROUP, InvitationTerms(mode="two_factor", send=False))
        row = await groups.order(desk, order, now=await database.now(), actor="ada")
        breaking = asyncio.create_task(break_it(server, dice))
        people = [again_and_again(desk, who, entry, told, breaking) for who, entry in entries.items()]
        await asyncio.gather(breaking, look_up(desk, row), *people)
    found = [each.name for each in await GroupInvitee.filter(group_invitation_id=row.id)]
    assert (len(found), len(set(found)), row.found) == (SIZE, SIZE, SIZE)
    assert told["link away"] + told["bare away"] > 0, "nothing was broken while somebody signed in"
    assert min(told["link in"], told["bare in"], told["pin in"], told["ours in"]) > 0
    assert told["pin away"] + told["ours away"] == 0, "who needs no directory is let in without one"
    counted = {str(each.key).split(":")[0] for each in await Counter.filter(failures__gt=0)}
    assert counted <= {"outage"}
    assert {each.link_tries + each.bare_tries for each in await Pin.all()} == {0}
    record_property("kills", FAULTS)
