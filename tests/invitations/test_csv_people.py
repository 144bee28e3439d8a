"""Lines of a file that mean people of a directory: many found at a time, told apart, never lost while it is away."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from otae.directory.ldap import servers
from otae.directory.ldap.connection import Connection
from otae.directory.ldap.pool import LdapPool
from otae.invitations import group_worker
from otae.invitations.groups import Status
from otae.store import database, leases
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, GroupInvitation, GroupInvitee, Person
from tests.directory.ldap_desk import add, entry_for
from tests.invitations.crowds import crowd, matched, stored, work
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

Watch = Callable[[object, str], list[tuple[object, ...]]]


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Open an installation on SQLite: what differs between databases is shown by the other CSV tests."""
    return sqlite_desk


async def taken(desk: Desk, data: str, columns: dict[str, int] | None = None) -> GroupInvitation:
    return await matched(desk, await stored(desk, data.encode()), columns)


async def told(desk: Desk, data: str, columns: dict[str, int] | None = None) -> list[tuple[int, str, str]]:
    row = await work(desk, await taken(desk, data, columns))
    lines = await GroupInvitee.filter(group_invitation_id=row.id).order_by("number")
    return [(line.number, line.name, line.reason) for line in lines]


async def test_a_name_says_its_domain_in_every_usual_way(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    await crowd(1)
    data = (
        "user\nCORP\\ben\ncorp/CLEO\nu00001@corp.test\np0001\ncorp\\nobody\nnowhere\\ben\nben@corp.test\nlocal\\p0001\n"
    )
    assert await told(desk, data) == [
        (2, "corp/ben", ""),
        (3, "corp/cleo", ""),
        (4, "corp/u00001", ""),
        (5, "p0001", ""),
        (6, "corp\\nobody", "unknown"),
        (7, "nowhere\\ben", "unknown"),
        (8, "ben@corp.test", "duplicate"),
        (9, "local\\p0001", "duplicate"),
    ]
    assert await Person.filter(domain="corp").count() == 3


async def test_a_column_holds_the_domain(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    await crowd(1)
    data = "user,Firma\nben,CORP\np0001,local\np0001,\ndora,corp.test\nsame,corp\n"
    assert await told(desk, data, {"user": 0, "domain": 1}) == [
        (2, "corp/ben", ""),
        (3, "p0001", ""),
        (4, "p0001", "duplicate"),
        (5, "corp/dora", "no-email"),
        (6, "corp/same", "ambiguous"),
    ]


async def test_a_hostile_domain_spoils_its_line_alone(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    odd = ("corp)(uid=*", "*", "corp/", "c" * 10_000, "=cmd", "corp\\ben", "\u202eproc", "${user.mail}")
    lines = [f'ben,"{cell}"' for cell in odd]
    found = await told(desk, "\n".join(["user,domain", *lines, "*)(uid=*,corp", "cleo,corp", ""]))
    assert found[-1] == (11, "corp/cleo", "")
    assert {reason for _, _, reason in found[:-1]} <= {"unknown", "unreadable"}
    assert [person.name for person in await Person.filter(domain="corp")] == ["cleo"]


async def test_who_is_none_of_ours_is_looked_for_in_the_default_directory(desk: Desk, crowded_ldap: LdapServer) -> None:
    row = await add(desk, entry_for(crowded_ldap))
    assert (await DirectoryServer.get(id=row.id)).is_default
    await crowd(1)
    data = "user,mail\nben,\n,SECOND@example.test\n,twins@example.test\n,p0001@example.test\ncleo@example.test,\n"
    assert await told(desk, data) == [
        (2, "corp/ben", ""),
        (3, "corp/cleo", ""),
        (4, "", "ambiguous"),
        (5, "p0001", ""),
        (6, "cleo@example.test", "duplicate"),
    ]


async def test_hundreds_of_lines_take_a_few_searches_on_one_line(
    desk: Desk, crowded_ldap: LdapServer, count_calls: Watch
) -> None:
    await add(desk, entry_for(crowded_ldap))
    searches, binds = count_calls(Connection, "search"), count_calls(Connection, "bind")
    data = "user\n" + "".join(f"corp\\u{number:05}\n" for number in range(1, 701))
    row = await work(desk, await taken(desk, data))
    assert (row.status, row.found) == (Status.READY, 700)
    assert await GroupInvitee.filter(group_invitation_id=row.id, status="waiting").count() == 700
    assert len(searches) == 7
    assert len(binds) <= 1


async def test_a_directory_that_is_away_loses_nothing_and_is_asked_again(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap, port=1))
    row = await taken(desk, "user\ncorp\\ben\n")
    now = await database.now()
    assert not await group_worker.step(desk, row.id, now=now)
    await row.refresh_from_db()
    assert (row.status, row.found, row.lease_until) == (Status.DRY_RUN, 0, now + leases.LEASE)
    assert await GroupInvitee.filter(group_invitation_id=row.id, status="listed").count() == 1
    corp = await servers.find_directory("corp")
    assert corp is not None
    await DirectoryServer.filter(id=corp.id).update(port=crowded_ldap.port)
    desk.resources.get(LdapPool).close_idle()
    await group_worker.step(desk, row.id, now=now + leases.LEASE + timedelta(seconds=1))
    await row.refresh_from_db()
    assert (row.status, row.found) == (Status.READY, 1)
    assert (await GroupInvitee.get(group_invitation_id=row.id)).name == "corp/ben"
