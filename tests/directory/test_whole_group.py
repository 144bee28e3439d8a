"""All members of a group, or no answer."""

import pytest

from otae.directory import whole_group
from otae.directory.whole_group import IncompleteAnswer
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Person
from tests.directory.ldap_desk import add, entry_for
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Nothing here depends on the database."""
    return sqlite_desk


async def test_a_large_group_is_read_whole(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    pages = 0

    async def count() -> None:
        nonlocal pages
        pages += 1

    found = await whole_group.read(desk, "corp", "nested", now=await database.now(), after_page=count)
    assert (len(found), pages) == (1001, 3)
    assert await Person.filter(domain="corp").count() == 1001


@pytest.mark.parametrize(("name", "reason"), [("nobody", "gone"), ("double", "ambiguous")])
async def test_a_group_that_is_not_one_group_is_no_answer(
    desk: Desk, crowded_ldap: LdapServer, name: str, reason: str
) -> None:
    await add(desk, entry_for(crowded_ldap, group_base="dc=example,dc=test"))
    with pytest.raises(IncompleteAnswer) as caught:
        await whole_group.read(desk, "corp", name, now=await database.now())
    assert caught.value.reason == reason
