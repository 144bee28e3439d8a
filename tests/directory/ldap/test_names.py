"""Places in a directory whose names hold signs of the syntax, written by its server in one way and here in another."""

from collections.abc import Iterator

import pytest

from otae.directory.ldap.directory import LdapDirectory
from otae.directory.ldap.names import comparable, is_below
from otae.store.desk import Desk
from tests.directory.ldap_desk import directory
from tests.servers.ldap_trees import BASE, entry, person
from tests.servers.slapd import LdapServer, running

pytestmark = pytest.mark.anyio

#: A tree of its own: departments with a comma, a plus sign and an umlaut, and a group within a group.
SUFFIX = "dc=escaped,dc=test"
STAFF, TEAMS = f"ou=Staff\\2C Berlin,{SUFFIX}", f"ou=Teams \\2B Gäste,{SUFFIX}"
ANNA = f"cn=Anna\\2C M. (extern),{STAFF}"


def tree() -> str:
    group = "groupOfNames"
    return "".join([
        entry(SUFFIX, objectClass=["dcObject", "organization"], dc="escaped", o="Escaped"),
        entry(STAFF, objectClass="organizationalUnit", ou="Staff, Berlin"),
        entry(TEAMS, objectClass="organizationalUnit", ou="Teams + Gäste"),
        person("anna", dn=ANNA, cn="Anna, M. (extern)"),
        person("ben", dn=f"cn=Ben,{STAFF}", cn="Ben"),
        entry(f"cn=all,{TEAMS}", objectClass=group, cn="all", member=[f"cn=a\\2Cb,{TEAMS}", f"cn=Ben,{STAFF}"]),
        entry(f"cn=a\\2Cb,{TEAMS}", objectClass=group, cn="a,b", member=[ANNA, f"cn=all,{TEAMS}"]),
    ])  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[LdapServer]:
    with running(trees={SUFFIX: tree()}) as server:
        yield server


@pytest.mark.parametrize(
    ("user_base", "group_base"),
    [
        (STAFF, TEAMS),
        (f"ou=Staff\\, Berlin,{SUFFIX}", f"ou=Teams \\+ Gäste,{SUFFIX}"),
        ("OU=staff\\2c berlin, DC=escaped, DC=test", f"ou=Teams \\2b G\\C3\\A4ste,{SUFFIX}"),
    ],
)
async def test_everybody_in_a_group_is_found_however_their_place_is_written(
    sqlite_desk: Desk, server: LdapServer, user_base: str, group_base: str
) -> None:
    people: LdapDirectory = await directory(sqlite_desk, server, user_base=user_base, group_base=group_base)
    for name in ("all", "a,b"):
        group = await people.find_group(name)
        assert group is not None
        assert [each.name for each in (await people.members(group)).people] == ["anna", "ben"]


def test_what_is_escaped_parts_no_names() -> None:
    assert comparable("CN=a\\, b, DC=x") == comparable("cn=a\\2C b,dc=x") == comparable("cn=a\\2c b,dc=X")
    assert comparable("cn=a\\, b,dc=x") != comparable("cn=a,cn=b,dc=x")
    assert not is_below(f"cn=a\\2C{BASE}", BASE)
    assert not is_below(f"cn=a\\,{BASE.replace(',', chr(92) + ',')},dc=other", BASE)
    assert comparable("no name at all") == "no name at all"
