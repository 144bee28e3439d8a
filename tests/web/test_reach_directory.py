"""A role limited to a directory's group: its people are there, found and invited; everybody else's page is not."""

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest

from otae.accounts import administrators, own_roles, role_groups
from otae.accounts.own_roles import RoleDraft
from otae.accounts.permissions import PERMISSIONS
from otae.accounts.roles import Grantor
from otae.directory import registry, scheduled_checks
from otae.directory.reach import STALE_AFTER
from otae.store import database
from otae.store.models import DirectoryServer, Group, Invitation, Membership, Person, Role
from tests.directory.ldap_desk import add, entry_for
from tests.servers.slapd import LdapServer, running
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

PASSWORD = "four quiet words here"
BOUNDED = frozenset(permission.name for permission in PERMISSIONS.values() if permission.bounded)


@pytest.fixture(scope="module")
def ldap() -> Iterator[LdapServer]:
    """Run a server with a few people for the tests of this module; nobody changes it."""
    with running() as server:
        yield server


async def signed_in(site: Site, role: str) -> httpx2.AsyncClient:
    now = await database.now()
    given = {"name": "sara", "password": PASSWORD, "role": role}
    await administrators.create_administrator(site.desk, **given, now=now, actor="ada")
    answer = await site.client.post("/admin/sign-in", data={"name": "sara", "password": PASSWORD})
    assert answer.status_code == 303
    return site.client


@pytest.fixture
async def limited(site: Site, ldap: LdapServer) -> httpx2.AsyncClient:
    """Give the browser of Sara, who may do everything with the people of a group: Ben, and Cleo by a group in it."""
    now, desk = await database.now(), site.desk
    await add(desk, entry_for(ldap))
    for name in ("dora", "erin"):
        found = await registry.find(desk, f"corp/{name}")
        assert found is not None
        await registry.save_person(found, now)
    draft = RoleDraft(permissions=BOUNDED, groups=("corp/round",))
    await own_roles.add_role(desk, "round desk", draft, by=Grantor("ada"), now=now)
    await role_groups.read_groups(desk, now=now)
    return await signed_in(site, "round desk")


async def invite(browser: httpx2.AsyncClient, who: str) -> int:
    return (await post_invitation(browser, who)).status_code


async def post_invitation(browser: httpx2.AsyncClient, who: str) -> httpx2.Response:
    page = (await browser.get("/admin/invitations/add")).text
    sent = dict(re.findall(r'name="([a-z_]+)" type="hidden" value="([^"]+)"', page))
    sent |= dict(re.findall(r'<select[^>]*name="([a-z_]+)"[^>]*><option (?:selected )?value="([^"]*)"', page))
    sent |= {"recipient": who, "mode": "username_pin", "ownership": "corporate", "platform": "macos"}
    return await browser.post("/admin/invitations/add", data=sent)


async def test_its_people_are_listed_found_and_invited_and_nobody_else(limited: httpx2.AsyncClient) -> None:
    page = (await limited.get("/admin/users")).text
    assert "ben@example.test" in page
    assert "cleo@example.test" in page
    assert "erin" not in page
    found = (await limited.get("/admin/invitations/people?recipient=example.test")).text
    assert sorted(re.findall(r'option value="([^"]+)"', found)) == ["corp/ben", "corp/cleo"]
    dora, ben = await Person.get(name="dora"), await Person.get(name="ben")
    assert (await limited.get(f"/admin/users/{dora.id}")).status_code == 404
    assert (await limited.get(f"/admin/users/{ben.id}")).status_code == 200
    assert await invite(limited, "corp/ben") == 303
    assert await invite(limited, "corp/erin") == 422
    assert await invite(limited, "corp/u00001") == 422
    assert [row.person_id for row in await Invitation.all()] == [ben.id]


async def test_the_group_itself_may_be_invited_and_no_other(limited: httpx2.AsyncClient) -> None:
    offered = (await limited.get("/admin/group-invitations/groups?group=corp/")).text
    assert re.findall(r'option value="([^"]+)"', offered) == ["corp/round"]
    page = (await limited.get("/admin/group-invitations/add")).text
    sent = dict(re.findall(r'name="([a-z_]+)" type="hidden" value="([^"]+)"', page))
    sent |= {"mode": "username_pin", "ownership": "corporate", "platform": "macos"}
    for group, status in (("corp/nested", 422), ("corp/round-2", 422), ("Corp\\ROUND", 303)):
        answer = await limited.post("/admin/group-invitations/add", data=sent | {"group": group})
        assert answer.status_code == status, group


async def test_naming_somebody_out_of_reach_asks_no_directory_and_makes_no_row(
    limited: httpx2.AsyncClient, ldap: LdapServer
) -> None:
    people, before = await Person.all().count(), ldap.searches()
    said = set()
    for who in (
        "corp/u00001",
        "CORP\\u00002",
        "u00003@corp",
        "u00004@example.test",
        "corp/nobody-at-all",
        "erin@example.test",
    ):
        page = await post_invitation(limited, who)
        said |= {page.status_code, *re.findall(r'class="invalid-feedback[^>]*>([^<]+)<', page.text)}
    assert said == {422, "there is nobody with this user name"}
    assert await Person.all().count() == people
    assert ldap.searches() == before, "how long a directory takes tells whether somebody is there"


async def test_an_address_that_several_have_names_those_within_reach_alone(limited: httpx2.AsyncClient) -> None:
    await Person.filter(name="dora").update(email="ben@example.test")
    assert (await post_invitation(limited, "ben@example.test")).status_code == 303, "Ben alone is within reach"
    await Person.filter(name__in=["cleo", "dora"]).update(email="ben@example.test")
    page = (await post_invitation(limited, "ben@example.test")).text
    assert "ben, cleo: say which, by user name" in page
    assert "dora" not in page


async def test_the_page_of_a_person_names_no_group_out_of_reach(limited: httpx2.AsyncClient) -> None:
    ben = await Person.get(name="ben")
    await Membership.create(group=await Group.create(name="layoffs"), person=ben)
    for path in ("/admin/users", f"/admin/users/{ben.id}"):
        page = (await limited.get(path)).text
        assert "corp/round" in page
        assert "layoffs" not in page


async def test_a_list_of_people_is_narrowed_by_no_group_out_of_reach(limited: httpx2.AsyncClient) -> None:
    ben = await Person.get(name="ben")
    await Membership.create(group=await Group.create(name="layoffs"), person=ben)
    nobody = (await limited.get("/admin/users?group=no-such-group")).text
    assert (await limited.get("/admin/users?group=layoffs")).text == nobody.replace("no-such-group", "layoffs")
    assert "ben@example.test" in (await limited.get("/admin/users?group=corp/round")).text


async def test_nobody_is_within_reach_when_the_directory_was_away_for_too_long(
    site: Site, limited: httpx2.AsyncClient
) -> None:
    now = await database.now()
    ben = await Person.get(name="ben")
    await DirectoryServer.all().update(port=1, timeout=1)
    await role_groups.read_groups(site.desk, now=now)
    assert (await limited.get(f"/admin/users/{ben.id}")).status_code == 200
    await Group.filter(domain="corp").update(checked_at=now - STALE_AFTER - timedelta(seconds=1))
    assert (await limited.get(f"/admin/users/{ben.id}")).status_code == 404
    assert "ben@example.test" not in (await limited.get("/admin/users")).text
    assert "example.test" not in (await limited.get("/admin/invitations/people?recipient=ben")).text


async def test_the_role_page_finds_groups_of_directories_while_one_types(site: Site, ldap: LdapServer) -> None:
    await add(site.desk, entry_for(ldap))
    console = await signed_in(site, "ADMIN")
    part = {"HX-Request": "true", "HX-Request-Type": "partial"}
    found = (await console.get("/admin/roles/groups?group=round", headers=part)).text
    assert re.findall(r'option value="([^"]+)"', found) == ["corp/round", "corp/round-2"]
    sent = {"name": "round desk", "words": "", "leaves": "person.see", "groups": "corp/posix", "group": "corp/round"}
    page = await console.post("/admin/roles/add", data=sent | {"then": "add-group"})
    assert page.status_code == 200
    assert re.search(r"<textarea[^>]*>\s*corp/posix\s+corp/round</textarea>", page.text)
    assert not await Role.exists()
    wrong = await console.post("/admin/roles/add", data=sent | {"group": "corp/nobody"})
    assert wrong.status_code == 422
    assert "there is no group called corp/nobody" in wrong.text
    assert (await console.post("/admin/roles/add", data=sent)).status_code == 303
    assert (await Role.get()).groups == ["corp/posix", "corp/round"]


async def test_the_dashboard_warns_of_a_directory_that_does_not_answer(site: Site, ldap: LdapServer) -> None:
    row = await add(site.desk, entry_for(ldap, timeout=1))
    console, now = await signed_in(site, "ADMIN"), await database.now()
    await scheduled_checks.check_directories(site.desk, now=now)
    assert "The directory corp" not in (await console.get("/admin")).text
    await DirectoryServer.all().update(port=1)
    await scheduled_checks.check_directories(site.desk, now=now)
    page = (await console.get("/admin")).text
    assert "The directory corp does not answer (connect: the connection was refused). It last did" in page
    assert f"/admin/directories/{row.id}" in page
    assert "does not answer: connect" in (await console.get("/admin/directories")).text
