"""Whom the user property `manager` names: in a directory by distinguished name, elsewhere by name or address."""

import pytest

from otae.directory import managers, registry
from otae.directory.managers import Manager
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Person
from tests.directory.ldap_desk import add, entry_for
from tests.invitations.guests import add_person
from tests.servers.ldap_trees import GROUPS, PEOPLE
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Nothing here depends on the database."""
    return sqlite_desk


async def test_a_directorys_manager_is_read_by_the_name_that_the_attribute_holds(
    desk: Desk, crowded_ldap: LdapServer
) -> None:
    await add(desk, entry_for(crowded_ldap))
    found = await registry.find(desk, "corp/ben")
    assert found
    ben = await registry.save_person(found, await database.now())
    cleo = await registry.find(desk, "corp/cleo")
    assert cleo
    for named in (f"uid=cleo,{PEOPLE}", "cleo", "corp/cleo", "cleo@example.test"):
        ben.properties = {"manager": named}
        assert await managers.find(desk, ben) == (Manager("cleo@example.test", cleo.directory_id), ""), named
    ben.properties = {"manager": f"uid=nobody,{PEOPLE}"}
    assert await managers.find(desk, ben) == (None, "the manager was not found")
    await DirectoryServer.all().delete()
    ben.properties = {"manager": f"uid=cleo,{PEOPLE}"}
    assert await managers.find(desk, ben) == (None, "the manager's directory does not answer")


@pytest.mark.parametrize(
    "named",
    [
        f"cn=devs,{GROUPS}",
        GROUPS,
        "uid=cleo,,",
        "uid=cleo\\zz,dc=example",
        "=,=",
        f"uid={'x' * 10_000},{PEOPLE}",
        "x" * 10_000,
        "corp/" + "x" * 10_000,
        "x" * 10_000 + "@example.test",
        "a\x00b",
        "corp/a\x00b",
        "uid=a\x00b,dc=example",
        "a\ud800b@example.test",
        "*",
        "corp/*",
        "corp/cleo)(uid=*",
        "@",
        "/",
        "Cleo <cleo@example.test>",
        "cleo@example.test, boss@example.test",
        "boss@example.test\r\nBcc: all@example.test",
        "b\u00f6ss@example.test",
    ],
)
async def test_a_name_that_names_no_manager_asks_nobody(desk: Desk, crowded_ldap: LdapServer, named: str) -> None:
    await add(desk, entry_for(crowded_ldap))
    found = await registry.find(desk, "corp/ben")
    assert found
    ben = await registry.save_person(found, await database.now())
    ben.properties = {"manager": named}
    manager, why = await managers.find(desk, ben)
    assert manager is None, manager
    assert why in {"the manager was not found", "the manager has no mail address", "no manager is known"}


async def test_a_local_manager_is_named_by_user_name_or_address(desk: Desk) -> None:
    ben, mia = await add_person(desk), await add_person(desk, "mia")
    for named in ("mia", "local/mia"):
        ben.properties = {"manager": named}
        assert await managers.find(desk, ben) == (Manager("mia@example.test", str(mia.id)), "")
    ben.properties = {"manager": "boss@elsewhere.test"}
    assert await managers.find(desk, ben) == (Manager("boss@elsewhere.test"), "")
    await Person.filter(id=mia.id).update(disabled=True)
    ben.properties = {"manager": "mia"}
    assert await managers.find(desk, ben) == (None, "the manager was not found")


@pytest.mark.parametrize(
    "named",
    [
        *("@", "/", "//", "a/b/c", "corp/", "local/", "nowhere/mia", "=,", "cn=", "cn=a\\", "uid=x,=", "\x00"),
        *("\u202eaim", "mia@", "@example.test", "a@b@c", "mia@example.test, ben@example.test", "m" * 10_000),
    ],
)
async def test_what_names_nobody_is_no_manager(desk: Desk, named: str) -> None:
    ben = await add_person(desk)
    ben.properties = {"manager": named}
    found, why = await managers.find(desk, ben)
    assert found is None
    assert why


async def test_whoever_is_their_own_manager_is_named_as_such(desk: Desk) -> None:
    ben = await add_person(desk)
    ben.properties = {"manager": ben.name}
    assert await managers.find(desk, ben) == (Manager("ben@example.test", str(ben.id)), "")
