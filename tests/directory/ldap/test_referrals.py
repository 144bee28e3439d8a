"""A directory that points elsewhere: nobody ever connects there, and the search gives what this server has."""

from collections.abc import Iterator

import pytest

from otae.directory.ldap.directory import LdapDirectory
from otae.errors import DirectoryUnavailable
from otae.store.desk import Desk
from tests.directory.ldap_desk import directory
from tests.servers.ldap_trees import BASE, GROUPS, PASSWORD, PEOPLE, entry
from tests.servers.ports import Strangers, strangers
from tests.servers.slapd import LdapServer, running

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def stranger() -> Iterator[Strangers]:
    """Listen where the directory points to, and note who comes."""
    with strangers() as listening:
        yield listening


@pytest.fixture(scope="module")
def referring_ldap(stranger: Strangers) -> Iterator[LdapServer]:
    """Run a server with references to the stranger among people and groups, and for a branch as a whole."""
    where = f"ldap://127.0.0.1:{stranger.port}"

    def reference(dn: str, name: str) -> str:
        classes = ["referral", "extensibleObject"]
        made = entry(dn, objectClass=classes, ou=name, ref=[f"{where}/{dn}", f"ldaps://127.0.0.1:{stranger.port}/{dn}"])
        return made.replace("\n", "\nchangetype: add\n", 1)

    with running() as server:
        server.change(
            reference(f"ou=abroad,{PEOPLE}", "abroad")
            + reference(f"ou=abroad,{GROUPS}", "abroad")
            + reference(f"ou=far,{BASE}", "far")
            + f"dn: cn=round,{GROUPS}\nchangetype: modify\nadd: member\n"
            + f"member: uid=ada,ou=far,{BASE}\nmember: ou=far,{BASE}\n"
        )
        yield server


@pytest.fixture
async def people(sqlite_desk: Desk, referring_ldap: LdapServer) -> LdapDirectory:
    return await directory(sqlite_desk, referring_ldap)


async def test_references_among_the_results_leave_the_rest_of_them(people: LdapDirectory, stranger: Strangers) -> None:
    ben = await people.find_person("ben")
    assert ben is not None
    assert await people.find_by_id(ben.directory_id) == ben
    assert await people.check_password(ben, PASSWORD)
    assert [each.name for each in await people.search_people("ben")] == ["ben"]
    assert [each.name for each in await people.search_groups("round")] == ["round", "round-2"]
    assert await people.find_person("nobody") is None
    assert stranger.callers == []


async def test_members_who_are_said_to_stand_elsewhere_are_nobody_here(
    people: LdapDirectory, stranger: Strangers
) -> None:
    group = await people.find_group("round")
    assert group is not None
    page = await people.members(group)
    assert [each.name for each in page.people] == ["ben", "cleo"]
    assert stranger.callers == []


@pytest.mark.parametrize("base", ["user_base", "group_base"])
async def test_a_branch_that_is_elsewhere_is_not_available(
    sqlite_desk: Desk, referring_ldap: LdapServer, stranger: Strangers, base: str
) -> None:
    people = await directory(sqlite_desk, referring_ldap, **{base: f"ou=far,{BASE}"})
    with pytest.raises(DirectoryUnavailable, match="refers to another one, which is not followed"):
        await (people.find_person("ben") if base == "user_base" else people.find_group("round"))
    assert stranger.callers == []


async def test_a_bind_that_is_referred_sends_the_password_nowhere(
    sqlite_desk: Desk, referring_ldap: LdapServer, stranger: Strangers
) -> None:
    people = await directory(sqlite_desk, referring_ldap, bind_name=f"cn=desk,ou=far,{BASE}")
    with pytest.raises(DirectoryUnavailable, match=r"^bind: "):
        await people.find_person("ben")
    assert stranger.callers == []
