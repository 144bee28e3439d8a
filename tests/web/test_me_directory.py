"""The self-service page for people of a directory, which is asked at every request."""

import pytest

from otae import paths
from otae.directory.ldap import servers
from otae.invitations.mode_values import ModeValues, set_values
from otae.store import database
from otae.store.models import DirectoryServer, Invitation, Person
from tests.directory.ldap_desk import active_entry, add
from tests.servers.ldap_trees import CORP, PASSWORD
from tests.servers.slapd import LdapServer
from tests.web.conftest import Site
from tests.web.test_me import say, sign_in

pytestmark = pytest.mark.anyio

BEN = f"dn: cn=Ben,ou=staff,{CORP}"


@pytest.fixture
async def server(site: Site, ldap_server: LdapServer) -> LdapServer:
    """Set up an Active Directory as the default, on a server that the test may break."""
    row = await add(site.desk, active_entry(ldap_server, timeout=1))
    await servers.make_default(row, now=await database.now(), actor="ada")
    assert (await sign_in(site.client, "AD\\ben", PASSWORD)).status_code == 303
    assert (await site.client.get(paths.ME)).status_code == 200
    return ldap_server


@pytest.mark.parametrize(
    "change",
    [
        "changetype: modify\nreplace: pwdLastSet\npwdLastSet: 134000000000000000",
        "changetype: modify\nreplace: userAccountControl\nuserAccountControl: 514",
        "changetype: delete",
    ],
)
async def test_what_the_directory_changed_ends_the_sign_in_at_once(site: Site, server: LdapServer, change: str) -> None:
    server.change(f"{BEN}\n{change}\n", CORP)
    assert (await site.client.get(paths.ME)).headers["location"] == paths.ME_SIGN_IN(ended=1)


async def test_a_directory_that_is_no_longer_connected_lets_nobody_in(site: Site, server: LdapServer) -> None:
    del server
    await servers.remove_directory(await DirectoryServer.get(), now=await database.now(), actor="ada")
    assert (await site.client.get(paths.ME)).status_code == 303


async def test_while_the_directory_is_away_the_page_stays(site: Site, server: LdapServer) -> None:
    server.kill()
    assert (await site.client.get(paths.ME)).status_code == 200


async def test_an_invitation_goes_where_the_directory_says_now(site: Site, server: LdapServer) -> None:
    await set_values("username_pin", ModeValues(self_service=True), now=await database.now(), actor="ada")
    server.change(f"{BEN}\nchangetype: modify\nreplace: mail\nmail: ben.new@example.test\n", CORP)
    await say(site.client, paths.ME_INVITE, mode="username_pin")
    row = await Invitation.get().prefetch_related("person")
    assert (row.email, row.person.domain) == ("ben.new@example.test", "ad")
    assert await Person.all().count() == 1
