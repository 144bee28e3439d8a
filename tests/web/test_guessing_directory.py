"""Guessing a directory's passwords by spelling names in other ways, at every door that takes a name."""

from collections.abc import Iterator
from datetime import datetime

import httpx2
import pytest

from otae.accounts import assignments
from otae.accounts.roles import Grantor
from otae.paths import LOGIN
from otae.store.models import DirectoryServer, Person
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.servers.ldap_trees import BASE, CORP, GROUPS, PEOPLE, entry, generic, person, user
from tests.servers.ldap_trees import PASSWORD as LDAP_PASSWORD
from tests.servers.ldap_trees import corp as corp_tree
from tests.servers.slapd import LdapServer, running
from tests.web.admin.conftest import ADA_PASSWORD, ada, console
from tests.web.conftest import Site
from tests.web.test_guessing import SIGN_IN, enter, from_, hold, six

__all__ = ["ada", "console"]

pytestmark = pytest.mark.anyio

#: Ways to write one name that a directory takes for the same.
SPELLINGS = (
    "ben smith",
    "ben  smith",
    "BEN\u00a0smith",
    "ｂｅｎ smith",
    " Ben\u2003 Smith",
    "corp\\ben smith",
    "be\u200bn smith",
)


@pytest.fixture(scope="module")
def spelled_ldap() -> Iterator[LdapServer]:
    """Run a directory with names that can be written in several ways."""
    made = [
        person("ben smith", dn=f"cn=Ben Smith,{PEOPLE}", mail="ben.smith@example.test"),
        person("josé", dn=f"cn=Jose,{PEOPLE}", cn="Jose", mail="jose@example.test"),
        person("cleo2", dn=f"cn=Cleo Two,{PEOPLE}", cn="Cleo Two"),
    ]
    for number, name in ((1, "jose"), (2, "second")):
        made[number] = made[number].replace("uid:", f"uid: {name}\nuid:", 1)
    members = [f"cn={name},{PEOPLE}" for name in ("Ben Smith", "Jose", "Cleo Two")]
    helpers = entry(f"cn=helpers,{GROUPS}", objectClass="groupOfNames", cn="helpers", member=members)
    staff = corp_tree().replace(f"member: cn=Ben,ou=staff,{CORP}", f"member: cn=Annabel,ou=staff,{CORP}")
    annabel = user("annabel", 99, sAMAccountName="annabel")
    content = {BASE: "".join([generic(0), *made, helpers]), CORP: staff + annabel}
    with running(trees=content, loosely=True) as server:
        yield server


@pytest.fixture
async def corp(site: Site, spelled_ldap: LdapServer, now: datetime) -> LdapServer:
    """Connect that directory; its helpers are administrators."""
    await add(site.desk, entry_for(spelled_ldap))
    await assignments.assign(site.desk, "corp/helpers", "SUPPORT", by=Grantor("ada"), now=now)
    return spelled_ldap


@pytest.mark.parametrize("door", [LOGIN, SIGN_IN])
async def test_one_account_is_counted_once_however_its_name_is_spelled(site: Site, corp: LdapServer, door: str) -> None:
    prefix = "corp\\" if door == SIGN_IN else ""
    names = [name if "\\" in name else prefix + name for name in SPELLINGS]
    assert [await enter(site.client, door, name) for name in names[:3]] == [422] * 3
    await hold()
    assert [await enter(site.client, door, name) for name in names[3:]] == [429] * 4
    for name in ("josé", "jose", "JOSE\u0301"):
        assert await enter(site.client, door, prefix + name) == 422
    await hold()
    assert await enter(site.client, door, f"{prefix}jose", LDAP_PASSWORD) == 429, "a right password waits as well"
    assert await enter(site.client, door, "corp.test\\jo\u200dse", LDAP_PASSWORD) == 429
    async with from_(site, "198.51.100.7") as elsewhere:
        for name in ("ben  smith", "josé", "jose", "ＪＯＳＥ"):
            assert await enter(elsewhere, door, prefix + name, LDAP_PASSWORD) == 303


@pytest.mark.parametrize("door", [LOGIN, SIGN_IN])
async def test_a_lockout_holds_whatever_the_spelling_and_under_every_name_of_an_account(
    site: Site, corp: LdapServer, door: str
) -> None:
    await DirectoryServer.all().update(lockout_limit=3, lockout_minutes=10)
    before = corp.binds()
    for names in (SPELLINGS[:5], ("second", "cleo2", "second", "cleo2", "SECOND"), ("made  up", "Made Up") * 2):
        codes = []
        for number, name in enumerate(names):
            async with from_(site, six(number)) as browser:
                codes.append(await enter(browser, door, f"corp\\{name}"))
        assert codes[:4] == [422] * 3 + [429]
    assert corp.binds() - before == 9, "the directory is asked no more"


async def test_unlocking_somebody_clears_what_was_typed_and_who_it_was(
    site: Site, corp: LdapServer, console: httpx2.AsyncClient
) -> None:
    await DirectoryServer.all().update(lockout_limit=2, lockout_minutes=10)
    assert await enter(site.client, LOGIN, "second", LDAP_PASSWORD) == 303
    for name in ("second", "cleo2", "second"):
        await enter(site.client, LOGIN, name)
    assert await enter(site.client, LOGIN, "second", LDAP_PASSWORD) == 429
    cleo = await Person.get(domain="corp")
    assert (await console.post(f"/admin/users/{cleo.id}/unlock")).status_code == 303
    assert await enter(site.client, LOGIN, cleo.name, LDAP_PASSWORD) == 303


@pytest.mark.parametrize("door", [LOGIN, SIGN_IN])
async def test_whom_a_directory_takes_a_name_for_is_refused_when_it_is_no_name_of_theirs(
    site: Site, spelled_ldap: LdapServer, now: datetime, door: str
) -> None:
    row = await add(site.desk, active_entry(spelled_ldap))
    await assignments.assign(site.desk, "ad/sales", "SUPPORT", by=Grantor("ada"), now=now)
    before = spelled_ldap.binds()
    assert await enter(site.client, door, "ad\\anna-bel", LDAP_PASSWORD) == 422
    assert await enter(site.client, door, "ad\\anna bel", LDAP_PASSWORD) == 422
    assert spelled_ldap.binds() - before == 2, "asked as about nobody"
    assert await enter(site.client, door, f"{row.domain}\\annabel", LDAP_PASSWORD) == 303


async def test_entering_the_password_again_is_held_up_by_nobody_elsewhere(
    site: Site, console: httpx2.AsyncClient
) -> None:
    for number in range(14):
        async with from_(site, six(number)) as browser:
            await enter(browser, SIGN_IN, "ada")
    answer = await console.post("/admin/confirm", data={"password_again": ADA_PASSWORD})
    assert answer.headers["location"] == "/admin"
