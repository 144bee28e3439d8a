"""A forest with its catalog, on three servers: people of all its domains are found, and proven where they belong."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from otae.directory.ldap.directory import LdapDirectory, ldap_directory
from otae.directory.ldap.names import domain_of
from otae.directory.registry import save_person
from otae.errors import DirectoryUnavailable, PersonAmbiguous
from otae.store import database
from otae.store.desk import Desk
from tests.directory.ldap_desk import active_entry, add
from tests.servers.ldap_trees import CORP, PASSWORD, corp, entry, guid, user
from tests.servers.slapd import LdapServer, running

pytestmark = pytest.mark.anyio

#: The catalog's root, and the forest's second domain.
ROOT, LAB = "dc=test", "dc=lab,dc=test"


@dataclass
class Servers:
    """The domain's own server, the other domain's, and the catalog of both."""

    corp: LdapServer
    lab: LdapServer
    catalog: LdapServer

    @property
    def ca_pem(self) -> str:
        return self.corp.ca_pem + self.lab.ca_pem + self.catalog.ca_pem

    def asked(self) -> tuple[tuple[int, int], ...]:
        """Give how many searches and binds of people each was asked for."""
        return tuple((each.searches(), each.binds()) for each in (self.corp, self.lab, self.catalog))


def tops(*domains: str) -> str:
    made = ""
    for domain in domains:
        name = domain.split(",")[0].removeprefix("dc=")
        made += entry(domain, objectClass=["dcObject", "organization"], dc=name, o=name)
        if domain != ROOT:
            made += entry(f"ou=staff,{domain}", objectClass="organizationalUnit", ou="staff")
    return made


def partly(name: str, number: int, domain: str) -> str:
    """Give somebody as a catalog has them: without what only their own domain knows."""
    return user(name, number, domain, accountExpires="", pwdLastSet="", userPassword="catalog only", mobile="")


def catalog() -> str:
    people = [("ben", 1, CORP), ("dora", 3, CORP), ("erin", 4, CORP), ("kim", 31, LAB), ("ben", 32, LAB)]
    gone = partly("gone", 40, CORP)
    return tops(ROOT, CORP, LAB) + "".join(partly(*each) for each in people) + gone


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        own = stack.enter_context(running(trees={CORP: corp()}))
        people = user("kim", 31, LAB, mobile="+49 151 7654321") + user("ben", 32, LAB)
        other = stack.enter_context(running(trees={LAB: tops(LAB) + people}))
        yield Servers(own, other, stack.enter_context(running(trees={ROOT: catalog()})))


@pytest.fixture
async def people(sqlite_desk: Desk, servers: Servers) -> LdapDirectory:
    """Connect one domain with the catalog of its forest."""
    port = servers.catalog.port
    catalog = {"global_catalog_port": port, "global_catalog_base": ROOT, "ca_pem": servers.ca_pem}
    wanted = active_entry(servers.corp, search_by="userPrincipalName", **catalog)
    return await ldap_directory(sqlite_desk, await add(sqlite_desk, wanted))


async def test_who_the_catalog_finds_is_read_and_proven_in_their_own_domain(
    people: LdapDirectory, servers: Servers
) -> None:
    now = await database.now()
    ben = await people.find_person("ben@corp.test")
    assert ben is not None
    assert (ben.directory_id, ben.phone) == (guid(1).hex(), "+491512345678"), "no catalog holds the number"
    before = servers.asked()
    assert await people.check_password(ben, PASSWORD)
    assert not await people.check_password(ben, "catalog only")
    after = servers.asked()
    assert [b[1] - a[1] for a, b in zip(before, after, strict=True)] == [2, 0, 0]
    dora, erin = await people.find_person("dora@corp.test"), await people.find_person("erin@corp.test")
    assert dora is not None
    assert erin is not None
    assert (dora.must_change, erin.is_disabled(now)) == (True, True), "no catalog knows that"
    assert await people.find_by_id(guid(1).hex()) == ben


async def test_attributes_are_read_in_their_own_domain_and_stay_when_the_catalog_is_asked(
    sqlite_desk: Desk, servers: Servers
) -> None:
    port = servers.catalog.port
    catalog = {"global_catalog_port": port, "global_catalog_base": ROOT, "ca_pem": servers.ca_pem}
    wanted = active_entry(servers.corp, search_by="userPrincipalName", attributes="sn", **catalog)
    people, now = await ldap_directory(sqlite_desk, await add(sqlite_desk, wanted)), await database.now()
    ben = await people.find_person("ben@corp.test")
    assert ben is not None
    assert (await save_person(ben, now)).properties == {"sn": "Ben"}
    (seen,) = await people.search_people("ben@corp.test")
    assert seen.properties is None
    assert (await save_person(seen, now)).properties == {"sn": "Ben"}


async def test_another_domain_that_is_connected_answers_for_its_own(
    sqlite_desk: Desk, people: LdapDirectory, servers: Servers
) -> None:
    lab = active_entry(
        servers.lab, domain="lab", alias="", user_base=f"ou=staff,{LAB}", group_base=f"ou=staff,{LAB}",
        search_by="userPrincipalName",
    )  # fmt: skip
    await add(sqlite_desk, lab)
    before = servers.asked()
    kim = await people.find_person("kim@lab.test")
    assert kim is not None
    assert (kim.domain, kim.phone) == ("ad", "+491517654321")
    assert await people.check_password(kim, PASSWORD)
    after = servers.asked()
    assert [(b[0] - a[0], b[1] - a[1]) for a, b in zip(before, after, strict=True)] == [(0, 0), (1, 1), (1, 0)]


async def test_a_domain_that_is_not_connected_is_asked_at_the_catalog(people: LdapDirectory, servers: Servers) -> None:
    kim = await people.find_person("kim@lab.test")
    assert kim is not None
    assert (kim.name, kim.phone) == ("kim@lab.test", None)
    assert await people.check_password(kim, "catalog only")
    assert not await people.check_password(kim, PASSWORD)


async def test_everybody_is_searched_for_in_the_whole_forest(sqlite_desk: Desk, servers: Servers) -> None:
    port = servers.catalog.port
    catalog = {"global_catalog_port": port, "global_catalog_base": ROOT, "ca_pem": servers.ca_pem}
    people = await ldap_directory(sqlite_desk, await add(sqlite_desk, active_entry(servers.corp, **catalog)))
    assert [each.directory_id for each in await people.search_people("ben")] == [guid(1).hex(), guid(32).hex()]
    with pytest.raises(PersonAmbiguous):
        await people.find_person("ben")
    narrow = active_entry(servers.corp, domain="narrow", alias="", **(catalog | {"global_catalog_base": CORP}))
    assert await (await ldap_directory(sqlite_desk, await add(sqlite_desk, narrow))).find_person("ben")


async def test_nobody_costs_as_much_as_somebody_and_who_is_gone_is_nobody(
    people: LdapDirectory, servers: Servers
) -> None:
    costs = set()
    for name in ("ben@corp.test", "nobody@corp.test", "gone@corp.test"):
        before = servers.asked()
        found = await people.find_person(name)
        assert (found is None) == (name != "ben@corp.test")
        await people.check_password(found, "wrong")
        after = servers.asked()
        costs.add(tuple((b[0] - a[0], b[1] - a[1]) for a, b in zip(before, after, strict=True)))
    assert costs == {((1, 1), (0, 0), (1, 0))}


async def test_a_catalog_that_is_away_is_no_wrong_password(sqlite_desk: Desk, servers: Servers) -> None:
    catalog = {"global_catalog_port": 1, "global_catalog_base": ROOT, "timeout": 1}
    people = await ldap_directory(sqlite_desk, await add(sqlite_desk, active_entry(servers.corp, **catalog)))
    with pytest.raises(DirectoryUnavailable):
        await people.find_person("ben")


def test_a_domain_is_the_end_of_a_name() -> None:
    assert domain_of("cn=Ben\\, the first,ou=staff,DC=Corp, dc=test") == "dc=Corp,dc=test"
    assert domain_of(f"ou=dc,{CORP}") == CORP
    assert domain_of("o=example") == "o=example"
