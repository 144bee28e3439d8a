"""People and groups found while one types, ours and a real directory's as one list; and its test, from the page."""

import re
from collections.abc import Iterator
from datetime import datetime

import httpx2
import pytest

from otae.directory.ldap import servers
from otae.directory.local import groups, people
from otae.store import database, jobs
from otae.store.models import Administrator, DirectoryServer, GroupInvitation, Invitation, Job, Person, Role
from tests.servers import ldap_trees, slapd
from tests.servers.ports import free_port
from tests.servers.slapd import LdapServer
from tests.web.admin.test_group_invitations import order
from tests.web.admin.test_invitations import form
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}
PEOPLE = "/admin/invitations/people"
GROUPS = "/admin/group-invitations/groups"
DOMAIN = "example.test"


@pytest.fixture(scope="module")
def ldap() -> Iterator[LdapServer]:
    """Run a server with a few people for the tests of this module; nobody changes it."""
    with slapd.running() as server:
        yield server


def entries(server: LdapServer) -> dict[str, str]:
    """Give what Ada enters to connect ``server``."""
    return {
        "kind": "ldap",
        "domain": DOMAIN,
        "alias": "corp",
        "primary_host": "localhost",
        "security": "starttls",
        "port": str(server.port),
        "timeout": "3",
        "ca_pem": server.ca_pem,
        "bind_name": ldap_trees.SERVICE,
        "password": ldap_trees.PASSWORD,
        "user_base": ldap_trees.PEOPLE,
        "group_base": ldap_trees.GROUPS,
        "search_by": "uid",
        "lockout_limit": "0",
        "lockout_minutes": "1",
    }


async def connect(console: httpx2.AsyncClient, given: dict[str, str]) -> httpx2.Response:
    """Send the form and ask for the test at once."""
    return await console.post(
        "/admin/directories/add/upload", data=given | {"then": "test"}, files={"ca_file": ("", b"")}
    )


async def outcome(site: Site, console: httpx2.AsyncClient) -> str:
    """Do the test that was ordered, and give the page with what came of it."""
    job = await Job.get(kind=servers.TEST_JOB)
    claimed = await jobs.claim(job.id, await database.now())
    assert claimed is not None
    await servers.run_test(site.desk, claimed, now=await database.now())
    return (await console.get(f"/admin/directories/{(await DirectoryServer.get()).id}")).text


@pytest.fixture
async def corp(console: httpx2.AsyncClient, ldap: LdapServer) -> DirectoryServer:
    """The directory, connected in the browser."""
    assert (await connect(console, entries(ldap))).status_code == 303
    return await DirectoryServer.get()


async def test_each_step_of_a_connection_that_works_says_what_was_answered(
    site: Site, console: httpx2.AsyncClient, corp: DirectoryServer
) -> None:
    page = await outcome(site, console)
    assert "Everything works" in page
    signed_in = f"{ldap_trees.SERVICE}; it says"
    for words in ("TLSv1.3", signed_in, "nested, nested-0", "ben (Ben Example, ben@example.test)"):
        assert words in page
    assert page.count("Done:") == 7
    assert ldap_trees.PASSWORD not in page


@pytest.mark.parametrize(
    ("wrong", "said", "advice"),
    [
        ({"port": str(free_port())}, "the connection was refused", "no firewall stands between"),
        ({"ca_pem": ""}, "certificate is not trusted", "the certificate authority it leads to is given"),
        ({"password": "not this one"}, "bind", "enter the bind password again"),
        ({"group_base": "ou=nowhere,dc=example,dc=test"}, "there is no such entry", "group base DN for typing errors"),
        ({"user_base": "ou=groups,dc=example,dc=test"}, "nobody with uid stands there", "what user names are searched"),
    ],
    ids=["port", "authority", "password", "group base", "user base"],
)
async def test_a_step_that_fails_says_what_helps(
    site: Site, console: httpx2.AsyncClient, ldap: LdapServer, wrong: dict[str, str], said: str, advice: str
) -> None:
    await connect(console, entries(ldap) | wrong)
    page = await outcome(site, console)
    assert "It does not work yet" in page
    assert said in page
    assert advice in page


async def test_people_of_a_directory_are_found_as_ours_are(
    console: httpx2.AsyncClient, corp: DirectoryServer, ben: Person
) -> None:
    found = (await console.get(PEOPLE, params={"recipient": "ben"}, headers=PART)).text
    assert '<option value="ben">Ben Okafor · ben@example.test</option>' in found
    assert '<option value="example.test/ben">Ben Example · ben@example.test · example.test</option>' in found
    for name, there in (("local", '"ben"'), (DOMAIN, '"example.test/ben"')):
        found = (await console.get(PEOPLE, params={"recipient": "ben", "domain": name}, headers=PART)).text
        assert found.count("<option") == 1
        assert f"<option value={there}>" in found
    found = (await console.get(PEOPLE, params={"recipient": "dora", "domain": DOMAIN}, headers=PART)).text
    assert "Döra Ünïcode · no e-mail address · example.test" in found
    for hostile in ("*)(uid=*", "ben\x00", "b" * 10_000, "example.test/*", "\\62en"):
        answer = await console.get(PEOPLE, params={"recipient": hostile, "domain": DOMAIN}, headers=PART)
        assert answer.status_code == 200
        assert "<option" not in answer.text, hostile


async def test_whoever_is_named_exactly_is_shown(
    console: httpx2.AsyncClient, corp: DirectoryServer, ben: Person
) -> None:
    for typed, domain, who in (
        ("ben", "", "Ben Okafor · ben@example.test</p>"),
        ("ben", "local", "Ben Okafor · ben@example.test</p>"),
        ("ben", DOMAIN, "Ben Example · ben@example.test · example.test</p>"),
        ("corp/ben", "", "Ben Example · ben@example.test · example.test</p>"),
        ("example.test/Ben", "", "Ben Example · ben@example.test · example.test</p>"),
    ):
        found = (await console.get(PEOPLE, params={"recipient": typed, "domain": domain}, headers=PART)).text
        assert who in found, (typed, domain)
    assert "</p>" not in (await console.get(PEOPLE, params={"recipient": "be"}, headers=PART)).text


async def test_two_with_one_address_are_told_apart(console: httpx2.AsyncClient, corp: DirectoryServer) -> None:
    found = (await console.get(PEOPLE, params={"recipient": "twins@example.test"}, headers=PART)).text
    assert 'value="example.test/twin1"' in found
    assert 'value="example.test/twin2"' in found


async def test_groups_of_a_directory_are_found_as_ours_are(
    site: Site, console: httpx2.AsyncClient, corp: DirectoryServer, now: datetime
) -> None:
    await groups.add_group("Nested here", now=now, actor="ada")
    found = (await console.get(GROUPS, params={"group": "nested"}, headers=PART)).text
    assert '<option value="Nested here">0 people</option>' in found
    assert '<option value="example.test/nested-3">example.test</option>' in found
    exact = (await console.get(GROUPS, params={"group": "unique", "domain": DOMAIN}, headers=PART)).text
    assert '<option value="example.test/unique">' in exact
    assert "example.test</p>" in exact


async def test_a_directory_that_does_not_answer_is_named_and_keeps_nobody_from_ours(
    console: httpx2.AsyncClient, ldap: LdapServer, ben: Person
) -> None:
    await connect(console, entries(ldap) | {"port": str(free_port())})
    found = (await console.get(PEOPLE, params={"recipient": "ben"}, headers=PART)).text
    assert '<option value="ben">' in found
    assert "example.test does not answer" in found
    page = await console.get("/admin/invitations/add")
    assert "example.test does not answer" not in page.text, "nobody has asked it yet"


async def test_the_forms_offer_domains_only_where_there_are_some(
    console: httpx2.AsyncClient, ldap: LdapServer, ben: Person
) -> None:
    for path in ("/admin/invitations/add", "/admin/group-invitations/add"):
        assert "Look in" not in (await console.get(path)).text
    await Person.all().delete()
    assert 'href="/admin/users"' in (await console.get("/admin/invitations")).text.partition("empty-title")[2]
    await connect(console, entries(ldap))
    assert "/admin/invitations/add" in (await console.get("/admin/invitations")).text.partition("empty-title")[2]
    for path in ("/admin/invitations/add", "/admin/group-invitations/add"):
        page = (await console.get(path)).text
        assert "Look in" in page
        assert '<option value="example.test">example.test</option>' in page
        assert "no group yet" not in page
    assert "Look in" not in (await console.get("/admin/group-invitations/csv/upload")).text


async def test_whom_the_domain_and_the_name_mean_is_invited(
    console: httpx2.AsyncClient, corp: DirectoryServer, ben: Person
) -> None:
    lacking = await console.post("/admin/invitations/add", data=await form(console, recipient="dora@corp"))
    assert lacking.status_code == 422
    assert "e-mail address" in lacking.text
    for sent in (
        {"recipient": "ben", "domain": DOMAIN},
        {"recipient": "corp/cleo"},
        {"recipient": "second@example.test", "domain": DOMAIN},
    ):
        cleo = await Person.get_or_none(name="cleo")
        despite = str(cleo.id) if cleo else ""
        answer = await console.post("/admin/invitations/add", data=await form(console, **sent) | {"despite": despite})
        assert answer.status_code == 303, sent
    invited = await Invitation.all().prefetch_related("person").order_by("created_at")
    assert [(row.person.domain, row.person.name) for row in invited] == [
        (DOMAIN, "ben"), (DOMAIN, "cleo"), (DOMAIN, "cleo")
    ]  # fmt: skip
    twins = await console.post("/admin/invitations/add", data=await form(console, recipient="twins@example.test"))
    assert twins.status_code == 422
    assert "twin1" in twins.text
    assert "twin2" in twins.text
    nobody = await form(console, recipient="ben", domain="elsewhere.test")
    assert (await console.post("/admin/invitations/add", data=nobody)).status_code == 422


async def test_a_group_of_the_domain_is_ordered(console: httpx2.AsyncClient, corp: DirectoryServer) -> None:
    answer = await order(console, group="unique", domain=DOMAIN)
    row = await GroupInvitation.get()
    assert answer.headers["location"] == f"/admin/group-invitations/{row.id}"
    assert (row.domain, row.name) == (DOMAIN, "unique")
    assert (await order(console, group="uniq", domain=DOMAIN)).status_code == 422


async def test_who_is_limited_to_a_group_finds_its_people_alone(
    site: Site, console: httpx2.AsyncClient, corp: DirectoryServer, ldap: LdapServer, ben: Person, now: datetime
) -> None:
    await people.add_person(site.desk, name="benita", email="b@x.test", groups=["Sales"], now=now, actor="ada")
    permissions = ["invitation.create", "group-invitation.create"]
    await Role(name="SELLS", permissions=permissions, groups=["local/Sales"], created_at=now).save()
    await Administrator.filter(name="ada").update(role="SELLS")
    before = ldap.searches()
    for typed in ("ben", "example.test/ben"):
        found = (await console.get(PEOPLE, params={"recipient": typed}, headers=PART)).text
        assert re.findall(r'<option value="([^"]+)"', found) == ["benita"]
    assert ldap.searches() == before
    found = (await console.get(GROUPS, params={"group": "e"}, headers=PART)).text
    assert re.findall(r'<option value="([^"]+)"', found) == ["Sales"]
