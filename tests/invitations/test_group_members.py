"""Inviting a group of a directory: nested, large, changed or cut off meanwhile; nobody twice, nobody lost."""

from typing import Any

import pytest

from otae.errors import DirectoryUnavailable, InputRefused
from otae.invitations import group_run, group_worker, groups
from otae.invitations.groups import GroupOrder, Status
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, GroupInvitation, GroupInvitee, Invitation, Person
from tests.directory.ldap_desk import add, entry_for
from tests.servers.ldap_trees import BASE, GROUPS, PEOPLE
from tests.servers.slapd import NESTED, LdapServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Open an installation on SQLite: what differs between databases is shown by the other group tests."""
    return sqlite_desk


async def run(desk: Desk, group: str, **more: Any) -> list[dict[str, object]]:  # noqa: ANN401 - fields of an order
    order = GroupOrder(group, InvitationTerms(mode="two_factor", send=False))
    return [each async for each in group_run.run(desk, order, clock=database.now, actor="ada", **more)]


async def ordered(desk: Desk, group: str = "CORP/nested") -> GroupInvitation:
    order = GroupOrder(group, InvitationTerms(mode="username_password", send=False))
    return await groups.order(desk, order, now=await database.now(), actor="ada")


async def names(row: GroupInvitation) -> list[str]:
    return [each.name for each in await GroupInvitee.filter(group_invitation_id=row.id).order_by("number")]


async def test_a_nested_group_of_a_thousand_is_looked_up_a_page_at_a_time(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    row = await ordered(desk)
    found = []
    while await group_worker.step(desk, row.id, now=await database.now()):
        await row.refresh_from_db()
        found.append(row.found)
    await row.refresh_from_db()
    assert (row.status, row.domain, row.name, row.found) == (Status.READY, "corp", "nested", NESTED + 1)
    assert found == [500, 1000]
    assert len(set(await names(row))) == NESTED + 1
    assert await Person.filter(domain="corp").count() == NESTED + 1
    assert not await Invitation.exists()


async def test_a_dry_run_tells_and_the_order_invites(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    told = await run(desk, "CORP/round", dry_run=True)
    assert [(each["user"], each["status"]) for each in told] == [("ben", "waiting"), ("cleo", "waiting")]
    assert not await Invitation.exists()
    made = await run(desk, "corp\\round", show_pin=True)
    assert [(each["user"], each["mode"], len(str(each["pin"]))) for each in made] == [
        ("ben", "two_factor", 8),
        ("cleo", "two_factor", 8),
    ]
    again = await run(desk, "corp/round")
    assert {each["reason"] for each in again} == {"pending"}


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("CORP/nobody", "there is no group with this name"),
        ("nowhere/nested", "there is no group with this name"),
        ("corp/double", "Several groups are called this"),
    ],
)
async def test_a_group_that_cannot_be_meant_is_refused(
    desk: Desk, crowded_ldap: LdapServer, group: str, words: str
) -> None:
    await add(desk, entry_for(crowded_ldap, group_base=BASE))
    with pytest.raises(InputRefused, match=words) as caught:
        await ordered(desk, group)
    assert set(caught.value.fields) == {"group"}


async def test_a_directory_that_goes_away_half_way_loses_and_doubles_nobody(
    desk: Desk, ldap_server: LdapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its members change meanwhile as well: who was found before stays, as on a list printed at the start."""
    monkeypatch.setattr("otae.directory.ldap.membership.PAGE", 1)
    await add(desk, entry_for(ldap_server, timeout=1))
    row = await ordered(desk, "corp/unique")
    assert await group_worker.step(desk, row.id, now=await database.now())
    ldap_server.kill()
    now = await database.now()
    assert not await group_worker.step(desk, row.id, now=now)
    await row.refresh_from_db()
    assert (row.status, row.found) == (Status.DRY_RUN, 1)
    assert row.lease_until is not None
    assert row.lease_until > now, "it is asked again when the lease ends, not every five seconds"
    ldap_server.start()
    ldap_server.change(
        f"dn: cn=unique,{GROUPS}\nchangetype: modify\nreplace: uniqueMember\n"
        f"uniqueMember: uid=cleo,{PEOPLE}\nuniqueMember: uid=erin2,{PEOPLE}\nuniqueMember: uid=twin1,{PEOPLE}\n"
    )
    await GroupInvitation.filter(id=row.id).update(lease_until=None)
    while await group_worker.step(desk, row.id, now=await database.now()):
        pass
    assert (await names(row))[0] == "ben"
    assert set(await names(row)) >= {"ben", "cleo"}
    assert len(await names(row)) == len(set(await names(row)))


async def test_a_walk_begun_anew_counts_nobody_twice(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    row = await ordered(desk, "corp/round")
    place = row.place
    await group_worker.step(desk, row.id, now=await database.now())
    await GroupInvitation.filter(id=row.id).update(status=Status.DRY_RUN, place=place)
    await group_worker.step(desk, row.id, now=await database.now())
    assert await names(row) == ["ben", "cleo"]


async def test_ordering_while_it_is_away_says_so(desk: Desk, ldap_server: LdapServer) -> None:
    await add(desk, entry_for(ldap_server, timeout=1))
    ldap_server.kill()
    with pytest.raises(InputRefused, match="not available right now"):
        await ordered(desk)
    await DirectoryServer.all().delete()
    with pytest.raises(InputRefused, match="no group"):
        await ordered(desk)


async def test_a_command_ends_with_the_reason_when_it_goes_away(desk: Desk, ldap_server: LdapServer) -> None:
    await add(desk, entry_for(ldap_server, timeout=1))
    row = await ordered(desk, "corp/round")
    ldap_server.kill()
    with pytest.raises(DirectoryUnavailable):
        await group_worker.look_up(desk, row, now=await database.now())
    assert await GroupInvitee.all().count() == 0
