"""What changed about a recipient since the invitation, a real directory's people among them."""

from collections.abc import Iterator

import httpx2
import pytest

from otae.directory.ldap import servers
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.models import DirectoryServer, Invitation, Person
from tests.servers import ldap_trees, slapd
from tests.servers.slapd import LdapServer
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture(scope="module")
def ldap() -> Iterator[LdapServer]:
    """Run a server for the tests of this module, which leave its people as they were."""
    with slapd.running() as server:
        yield server


async def changes(console: httpx2.AsyncClient) -> str:
    """Give what the page of the one invitation asks for."""
    row = await Invitation.get()
    page = await console.get(f"/admin/invitations/{row.id}")
    assert f'hx-get="/admin/invitations/{row.id}/changes"' in page.text
    return (await console.get(f"/admin/invitations/{row.id}/changes", headers=PART)).text


async def invited(site: Site, server: LdapServer) -> None:
    """Invite Ben of the directory."""
    entry = servers.DirectoryEntry(
        domain="example.test", primary_host="localhost", port=server.port, ca_pem=server.ca_pem, timeout=2,
        bind_name=ldap_trees.SERVICE, password=ldap_trees.PASSWORD, user_base=ldap_trees.PEOPLE,
        group_base=ldap_trees.GROUPS,
    )  # fmt: skip
    now = await database.now()
    await servers.add_directory(site.desk, entry, now=now, actor="ada")
    await lifecycle.create(
        site.desk, InvitationOrder("example.test/ben", InvitationTerms(mode="two_factor")), now=now, actor="ada"
    )


async def test_of_our_own_people_it_is_told_too_and_nothing_while_nothing_changed(
    console: httpx2.AsyncClient, ben: Person, invite: Invite
) -> None:
    await invite("two_factor")
    nothing = await changes(console)
    assert "<html" not in nothing
    assert "alert" not in nothing
    await Person.filter(id=ben.id).update(email="b@example.test", display_name="<b>Ben</b>")
    told = await changes(console)
    assert "E-mail: ben@example.test → b@example.test" in told
    assert "Name: Ben Okafor → &lt;b&gt;Ben&lt;/b&gt;" in told
    row = await Invitation.get()
    page = (await console.get(f"/admin/invitations/{row.id}")).text
    assert "ben@example.test" in page, "the invitation keeps where its messages went"
    whole = await console.get(f"/admin/invitations/{row.id}/changes")
    assert "Back to the invitation" in whole.text


async def test_what_changed_in_the_directory_is_told(site: Site, console: httpx2.AsyncClient, ldap: LdapServer) -> None:
    await invited(site, ldap)
    assert "alert" not in await changes(console)
    where = f"dn: uid=ben,{ldap_trees.PEOPLE}\nchangetype: modify\nreplace: mail\nmail: "
    ldap.change(f"{where}new@example.test\n")
    try:
        told = await changes(console)
    finally:
        ldap.change(f"{where}ben@example.test\n")
    assert "Changed in the directory" in told
    assert "E-mail: ben@example.test → new@example.test" in told
    await Person.all().update(directory_id="00000000-0000-4000-8000-000000000000")
    assert "no longer in the directory example.test" in await changes(console)


async def test_a_directory_that_does_not_answer_is_named(
    site: Site, console: httpx2.AsyncClient, ldap: LdapServer
) -> None:
    await invited(site, ldap)
    await DirectoryServer.all().delete()
    assert "does not answer" in await changes(console)


async def test_sending_again_asks_which_address_when_it_changed(
    console: httpx2.AsyncClient, ben: Person, invite: Invite
) -> None:
    created = await invite("two_factor")
    page = f"/admin/invitations/{created.invitation.id}"
    await Person.filter(id=ben.id).update(email="b@example.test")
    asked = await console.post(f"{page}/resend")
    assert asked.status_code == 200
    assert 'id="where-new">b@example.test<' in asked.text
    assert 'id="where-old">ben@example.test<' in asked.text
    assert (await Invitation.get()).generation == 1
    assert (await console.post(f"{page}/resend", data={"address": "old"})).status_code == 303
    assert (await Invitation.get()).email == "ben@example.test"
    assert "email of before" in (await console.get(page)).text
    assert (await console.post(f"{page}/resend", data={"address": "new"})).status_code == 303
    assert (await Invitation.get()).email == "b@example.test"
    assert (await console.post(f"{page}/resend")).status_code == 303, "nothing changed since: nothing is asked"
