"""What the clock looks at in directories: whether they answer, and who is in the groups that roles are limited to."""

from datetime import datetime, timedelta

import pytest

from otae.directory import scheduled_checks
from otae.directory.reach import STALE_AFTER, Reach, reach_of
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Group, Membership, Person
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.servers.ldap_trees import GROUPS, PEOPLE
from tests.servers.slapd import NESTED, LdapServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Nothing here depends on the database."""
    return sqlite_desk


@pytest.fixture
async def now(desk: Desk) -> datetime:
    return await database.now()


async def names(reach: Reach) -> list[str]:
    return [row.name for row in await Person.filter(reach.people()).order_by("name")]


async def reached(*groups: str, now: datetime) -> list[str]:
    return await names(await reach_of(groups, now=now))


async def test_whether_each_answers_is_noted_and_none_waits_for_another(
    desk: Desk, ldap_server: LdapServer, now: datetime
) -> None:
    await add(desk, entry_for(ldap_server))
    await add(desk, active_entry(ldap_server, port=1, timeout=1))
    await scheduled_checks.check_directories(desk, now=now)
    corp, ad = [await DirectoryServer.get(domain=domain) for domain in ("corp", "ad")]
    assert (corp.answered_at, corp.trouble) == (now, "")
    assert (ad.answered_at, ad.trouble) == (None, "connect: the connection was refused")
    ldap_server.kill()
    later = now + timedelta(minutes=5)
    await scheduled_checks.check_directories(desk, now=later)
    await corp.refresh_from_db()
    assert (corp.answered_at, bool(corp.trouble)) == (now, True)
    ldap_server.start()
    await scheduled_checks.check_directories(desk, now=later)
    await corp.refresh_from_db()
    assert (corp.answered_at, corp.trouble) == (later, "")


async def test_who_is_in_a_group_and_the_groups_in_it_is_within_reach_until_they_leave(
    desk: Desk, ldap_server: LdapServer, now: datetime
) -> None:
    await add(desk, entry_for(ldap_server))
    assert await reached("corp/round", now=now) == [], "nobody before the members were read"
    await scheduled_checks.read_members(desk, ["corp/round", "local/round"], now=now)
    assert await reached("corp/round", now=now) == ["ben", "cleo"]
    assert await reached("corp/rou", "corp/round-2", "local/round", now=now) == []
    ben = await Person.get(domain="corp", name="ben")
    assert await (await reach_of(["corp/round"], now=now)).includes(ben.id)
    for group in ("round", "round-2"):
        ldap_server.change(f"dn: cn={group},{GROUPS}\nchangetype: modify\ndelete: member\nmember: uid=ben,{PEOPLE}\n")
    await scheduled_checks.read_members(desk, ["corp/round"], now=now)
    assert await reached("corp/round", now=now) == ["cleo"]
    assert await Person.exists(id=ben.id), "whoever leaves a group is still somebody"
    ldap_server.change(f"dn: cn=round,{GROUPS}\nchangetype: delete\n")
    await scheduled_checks.read_members(desk, ["corp/round"], now=now)
    assert await reached("corp/round", now=now) == []


async def test_a_directory_that_is_away_is_believed_for_an_hour_and_no_longer(
    desk: Desk, ldap_server: LdapServer, now: datetime
) -> None:
    await add(desk, entry_for(ldap_server, timeout=1))
    await scheduled_checks.read_members(desk, ["corp/round"], now=now)
    ldap_server.kill()
    almost, over = now + STALE_AFTER - timedelta(seconds=1), now + STALE_AFTER
    await scheduled_checks.read_members(desk, ["corp/round"], now=almost)
    assert await reached("corp/round", now=almost) == ["ben", "cleo"]
    assert await reached("corp/round", now=over) == []
    assert not (await reach_of(["corp/round"], now=over)).includes_group("corp", "round")
    ldap_server.start()
    await scheduled_checks.read_members(desk, ["corp/round"], now=over)
    assert await reached("corp/round", now=over) == ["ben", "cleo"]


async def test_a_nested_group_of_a_thousand_is_kept_and_forgotten_when_no_role_names_it(
    desk: Desk, crowded_ldap: LdapServer, now: datetime
) -> None:
    await add(desk, entry_for(crowded_ldap, group_base="dc=example,dc=test"))
    for _ in range(2):
        await scheduled_checks.read_members(desk, ["corp/nested", "corp/double", "corp/nobody", "elsewhere/x"], now=now)
    assert await Membership.filter(group__name="nested").count() == NESTED + 1
    assert await reached("corp/double", "corp/nobody", now=now) == [], "two groups of one name are none"
    await scheduled_checks.read_members(desk, [], now=now)
    assert not await Group.exclude(domain="local").exists()
    assert await Person.filter(domain="corp").count() == NESTED + 1
