"""A real slapd as a directory: finding people and groups, hostile input, missing attributes, passwords."""

import pytest

from otae.directory import DirectoryPerson
from otae.directory.ldap.directory import LdapDirectory, ldap_directory
from otae.directory.ldap.membership import inside_group
from otae.errors import DirectoryUnavailable, GroupAmbiguous, PersonAmbiguous
from otae.store import database
from otae.store.desk import Desk
from tests.directory.ldap_desk import active_entry, add, directory
from tests.servers.ldap_trees import BASE, CORP, PASSWORD, corp, guid, sid, user
from tests.servers.slapd import NESTED, LdapServer, running

pytestmark = pytest.mark.anyio

HOSTILE = [
    "*",
    "*)(uid=*",
    "ben)(|(uid=*",
    "\\2a",
    "ben\0",
    "b" * 10_000,
    "",
    " ",
    "uid=ben,ou=people",
    "\ud800",
    "ben\\",
]


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Nothing here depends on the database."""
    return sqlite_desk


@pytest.fixture
async def people(desk: Desk, crowded_ldap: LdapServer) -> LdapDirectory:
    return await directory(desk, crowded_ldap)


async def ben_of(people: LdapDirectory) -> DirectoryPerson:
    found = await people.find_person("ben")
    assert found is not None
    return found


async def test_further_attributes_become_properties(desk: Desk, crowded_ldap: LdapServer) -> None:
    people = await directory(desk, crowded_ldap, attributes="sn, givenName sn")
    ben = await people.find_person("ben")
    assert ben is not None
    assert ben.properties == {"sn": "Ben"}
    assert (await people.search_people("ben"))[0].properties == {"sn": "Ben"}
    group = await people.find_group("round")
    assert group is not None
    assert {"sn": "Ben"} in [person.properties for person in (await people.members(group)).people]


# Finding --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["starttls", "ldaps"])
async def test_a_person_is_found_with_everything_an_invitation_needs(
    desk: Desk, crowded_ldap: LdapServer, security: str
) -> None:
    port = crowded_ldap.tls_port if security == "ldaps" else crowded_ldap.port
    people = await directory(desk, crowded_ldap, security=security, port=port)
    ben = await people.find_person(" BEN ")
    assert ben is not None
    assert (ben.domain, ben.name, ben.display_name) == ("corp", "ben", "Ben Example")
    assert (ben.email, ben.phone, ben.disabled, ben.must_change) == ("ben@example.test", "+491512345678", False, False)
    assert len(ben.directory_id) == 36
    assert await people.find_by_id(ben.directory_id) == ben
    assert ben.address == "corp/ben"


async def test_missing_attributes_are_missing_and_no_more(people: LdapDirectory) -> None:
    dora, bad = await people.find_person("dora"), await people.find_person("bad")
    assert dora is not None
    assert (dora.display_name, dora.email, dora.phone) == ("Döra Ünïcode", None, None)
    assert bad is not None
    assert (bad.email, bad.phone) == (None, None)


async def test_a_name_keeps_its_spaces_and_joiners_and_a_domain_is_found_as_written(
    people: LdapDirectory,
) -> None:
    anna = await people.find_by_mail("anna@müller.example")
    assert anna is not None
    assert anna.display_name == "Anna Käfer علی\u200cرضا"
    assert (anna.email, anna.phone) == ("anna@xn--mller-kva.example", None), "two numbers are none"
    assert [each.name for each in await people.search_people("Anna\u00a0Käfer")] == ["anna"]


async def test_the_first_of_several_addresses_is_taken(people: LdapDirectory) -> None:
    cleo = await people.find_person("cleo")
    assert cleo is not None
    assert cleo.email == "cleo@example.test"


async def test_people_are_searched_by_name_display_name_and_address(people: LdapDirectory) -> None:
    assert [each.name for each in await people.search_people("example.test", limit=3)]
    assert [each.name for each in await people.search_people("Ünï")] == ["dora"]
    assert [each.name for each in await people.search_people("second@")] == ["cleo"]
    assert len(await people.search_people("u0", limit=7)) == 7


async def test_groups_of_every_kind_are_found(people: LdapDirectory) -> None:
    assert [each.name for each in await people.search_groups("round")] == ["round", "round-2"]
    for name in ("everybody", "unique", "posix"):
        found = await people.find_group(name)
        assert found is not None
        assert found.address == f"corp/{name}"
    assert await people.find_group("nobody") is None


async def test_two_people_with_one_name_or_one_address_are_named(desk: Desk, people: LdapDirectory) -> None:
    with pytest.raises(PersonAmbiguous, match=r"Same (One|Two).*Same (One|Two)"):
        await people.find_person("same")
    with pytest.raises(PersonAmbiguous, match=r"twin1 \(Twin1\), twin2 \(Twin2\)"):
        await people.find_by_mail("twins@example.test")


async def test_two_groups_with_one_name_are_named(desk: Desk, crowded_ldap: LdapServer) -> None:
    everywhere = await directory(desk, crowded_ldap, group_base=BASE)
    with pytest.raises(GroupAmbiguous, match="ou=elsewhere"):
        await everywhere.find_group("double")


# Hostile input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_is_read_as_a_filter(people: LdapDirectory, text: str) -> None:
    assert await people.find_person(text) is None
    assert await people.find_group(text) is None
    assert await people.find_by_mail(text) is None
    if text.strip():
        assert await people.search_people(text) == []
        assert await people.search_groups(text) == []


async def test_a_name_with_every_sign_of_the_syntax_is_found_as_it_is(people: LdapDirectory) -> None:
    assert [each.name for each in await people.search_people("Erin, the (first)")] == ["erin"]
    erin = await people.find_person("erin")
    assert erin is not None
    assert await people.check_password(erin, PASSWORD)


@pytest.mark.parametrize("base", ["user_base", "group_base"])
async def test_a_base_that_is_not_there_is_no_wrong_password(desk: Desk, crowded_ldap: LdapServer, base: str) -> None:
    where = await directory(desk, crowded_ldap, **{base: f"ou=nowhere,{BASE}"})
    with pytest.raises(DirectoryUnavailable, match="there is no such entry"):
        await (where.find_person("ben") if base == "user_base" else where.find_group("unique"))


# Passwords ------------------------------------------------------------------------------------------------------------


async def test_a_password_is_right_or_wrong(people: LdapDirectory) -> None:
    ben = await ben_of(people)
    assert await people.check_password(ben, PASSWORD)
    answer = await people.try_password(ben, "wrong")
    assert (answer.right, answer.reason) == (False, "invalidCredentials")
    assert not await people.check_password(None, PASSWORD)


@pytest.mark.parametrize("password", ["", "\0", f"{PASSWORD}\0", "x" * 2000, "\ud800", "\u00ad"])
async def test_what_is_no_password_never_lets_anybody_in(people: LdapDirectory, password: str) -> None:
    assert not await people.check_password(await ben_of(people), password)


async def test_an_empty_password_is_not_even_asked_about(desk: Desk, ldap_server: LdapServer) -> None:
    people = await directory(desk, ldap_server)
    ben = await people.find_person("ben")
    assert not await people.check_password(ben, "")
    assert ldap_server.binds() == 0


async def test_nobody_costs_the_same_as_somebody(desk: Desk, ldap_server: LdapServer) -> None:
    people = await directory(desk, ldap_server)
    ben = await people.find_person("ben")
    for found in (ben, None):
        before = ldap_server.binds()
        await people.check_password(found, "wrong")
        assert ldap_server.binds() == before + 1


async def test_a_line_somebody_signed_in_on_is_never_asked_anything_else(desk: Desk, ldap_server: LdapServer) -> None:
    people = await directory(desk, ldap_server)
    assert await people.check_password(await people.find_person("ben"), PASSWORD)
    assert await people.find_person("cleo")
    said = ldap_server.said()
    for line in said.splitlines():
        if 'BIND dn="uid=ben' in line and "mech=SIMPLE" in line:
            number = line.split("conn=")[1].split()[0]
            assert f"conn={number} op=2 SRCH" not in said
            break
    else:
        pytest.fail("nobody signed in as Ben")


# Active Directory -----------------------------------------------------------------------------------------------------


async def test_active_directory_says_who_is_disabled_expired_or_must_change(
    desk: Desk, crowded_ldap: LdapServer
) -> None:
    people = await ldap_directory(desk, await add(desk, active_entry(crowded_ldap)))
    now = await database.now()
    found = {name: await people.find_person(name) for name in ("ben", "cleo", "dora", "erin", "pc")}
    assert found.pop("pc") is None
    state = {name: each and (each.is_disabled(now), each.must_change) for name, each in found.items()}
    assert state == {"ben": (False, False), "cleo": (True, False), "dora": (False, True), "erin": (True, False)}
    ben = found["ben"]
    assert ben is not None
    assert (ben.directory_id, ben.name, ben.display_name) == (guid(1).hex(), "ben", "Ben of Corp")
    assert await people.find_by_id(guid(1).hex()) == ben
    assert [each.name for each in await people.search_people("of corp")] == ["ben", "dora", "erin", "cleo"]


async def test_people_are_found_by_their_principal_name(desk: Desk, crowded_ldap: LdapServer) -> None:
    people = await ldap_directory(desk, await add(desk, active_entry(crowded_ldap, search_by="userPrincipalName")))
    ben = await people.find_person("ben@corp.test")
    assert ben is not None
    assert ben.name == "ben@corp.test"
    assert await people.check_password(ben, PASSWORD)


# Members --------------------------------------------------------------------------------------------------------------


async def everybody_in(people: LdapDirectory, name: str) -> tuple[list[str], int]:
    """Give the user names of a group's members in their order, and how many pages that took."""
    group = await people.find_group(name)
    assert group is not None
    names: list[str] = []
    page = await people.members(group)
    pages = 1
    while True:
        assert len(page.people) <= 500
        names += [each.name for each in page.people]
        if not page.after:
            return names, pages
        page, pages = await people.members(group, page.after), pages + 1


@pytest.mark.parametrize(
    ("group", "members"),
    [
        ("round", ["ben", "cleo"]),
        ("round-2", ["ben", "cleo"]),
        ("unique", ["ben", "cleo"]),
        ("posix", ["ben"]),
        ("odd", ["erin"]),
        ("double", ["ben"]),
    ],
)
async def test_everybody_in_a_group_is_found_once(people: LdapDirectory, group: str, members: list[str]) -> None:
    assert sorted((await everybody_in(people, group))[0]) == members


async def test_a_nested_group_of_a_thousand(people: LdapDirectory) -> None:
    names, pages = await everybody_in(people, "nested")
    assert (len(names), len(set(names)), pages) == (NESTED + 1, NESTED + 1, 3)


async def test_ten_thousand_members_come_in_pages(people: LdapDirectory) -> None:
    names, pages = await everybody_in(people, "everybody")
    assert (len(set(names)), pages) == (10_000, 20)


async def test_a_page_is_found_again_by_another_process(people: LdapDirectory) -> None:
    group = await people.find_group("nested")
    assert group is not None
    first = await people.members(group)
    elsewhere = "unknown|" + first.after.partition("|")[2]
    assert (await people.members(group, elsewhere)).people == (await people.members(group, first.after)).people


async def test_active_directory_without_its_capability_is_walked_like_any_other(
    desk: Desk, crowded_ldap: LdapServer
) -> None:
    people = await ldap_directory(desk, await add(desk, active_entry(crowded_ldap)))
    assert sorted((await everybody_in(people, "sales"))[0]) == ["ben", "dora"]
    assert (await everybody_in(people, "staff"))[0] == [], "primary groups are an Active Directory's"


async def test_active_directory_walks_nested_groups_itself(desk: Desk) -> None:
    """Which server is one its root says. This one only says so, and finds nobody by the rule: no other way is tried."""
    with running(active_directory=True) as server:
        people = await ldap_directory(desk, await add(desk, active_entry(server)))
        assert (await everybody_in(people, "sales"))[0] == []
        walks = [line for line in server.said().splitlines() if "filter=" in line]
        assert any("(memberOf" in line or "(?" in line for line in walks)
        assert not any("member=" in line or "attr=cn member" in line for line in walks)
    rule = inside_group("cn=Sales (all),dc=test")
    assert rule == "(memberOf:1.2.840.113556.1.4.1941:=cn\\3dSales\\20\\28all\\29\\2cdc\\3dtest)"


async def test_whose_primary_group_it_is_belongs_to_it(desk: Desk) -> None:
    """No group lists them: whoever is in "Domain Users" is so by a number of their own."""
    newcomers = "".join(user(f"x{number:04}", 100 + number) for number in range(1100))
    stranger = user("zoe", 90, objectSid=sid(1090, domain=8))
    elsewhere = user("yuri", 91, primaryGroupID="515")
    with running(active_directory=True, trees={CORP: corp() + newcomers + stranger + elsewhere}) as server:
        people = await ldap_directory(desk, await add(desk, active_entry(server)))
        names, pages = await everybody_in(people, "staff")
        assert (len(set(names)), len(names), pages) == (1104, 1104, 3)
        assert {"ben", "dora", "x0000", "x1099"} <= set(names)
        assert not {"zoe", "yuri", "pc"} & set(names), "another domain's number, another group, a computer"
