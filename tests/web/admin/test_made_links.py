"""Setup links and password links end with the power of the administrator who made them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import pytest

from otae.accounts import administrator_list, administrators, assignments, own_roles, roles
from otae.accounts.own_roles import RoleDraft
from otae.accounts.roles import Grantor
from otae.settings import Settings
from otae.store.models import Administrator, Person, SetupLink
from tests.directory.ldap_desk import add, entry_for
from tests.servers.ldap_trees import GROUPS
from tests.servers.ldap_trees import PASSWORD as LDAP_PASSWORD
from tests.servers.slapd import LdapServer
from tests.web.conftest import PASSWORD, Browser, Site

pytestmark = pytest.mark.anyio

EVE_PASSWORD, CHOSEN = "five quiet words of eve", "another four quiet words"
BY = Grantor("ada")
PERMISSIONS: Final = frozenset({"administrator.see", "administrator.edit", "person.see", "person.edit"})
SETUP = {"name": "mallory", "password": CHOSEN, "again": CHOSEN}
CHOICE = {"password": CHOSEN, "again": CHOSEN}


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Give an installation on each database."""
    made: Settings = request.getfixturevalue(f"{request.param}_settings")
    return made


@pytest.fixture
async def eve(site: Site, ada: None, now: datetime) -> Browser:
    """Eve, who may invite administrators and give passwords by a role of its own, in her browser."""
    await own_roles.add_role(site.desk, "desk", RoleDraft("", PERMISSIONS), by=BY, now=now)
    given = {"name": "eve", "password": EVE_PASSWORD, "role": "desk"}
    await administrators.create_administrator(site.desk, **given, now=now, actor="ada")
    answer = await site.client.post("/admin/sign-in", data={"name": "eve", "password": EVE_PASSWORD})
    assert answer.status_code == 303
    return site.client


async def made(browser: Browser, ben: Person | None = None, role: str = "desk") -> tuple[str, str]:
    """Make a setup link, and a password link for Ben; give their paths."""
    pages = [await browser.post("/admin/administrators", data={"name": "mallory", "role": role})]
    if ben:
        pages.append(await browser.post(f"/admin/users/{ben.id}/password-link"))
    found = [re.search(r'https://[^"<>\s]+\?s=[\w-]+', page.text) for page in pages]
    paths = [urlsplit(each[0]) for each in found if each]
    assert len(paths) == len(pages)
    shown = [f"{path.path}?{path.query}" for path in paths]
    return shown[0], shown[-1]


async def removed(site: Site, eve: Administrator, now: datetime) -> None:
    await administrator_list.remove(eve.id, by=BY, now=now)


async def disabled(site: Site, eve: Administrator, now: datetime) -> None:
    await administrator_list.disable(eve.id, by=BY, now=now)


async def disabled_for_a_while(site: Site, eve: Administrator, now: datetime) -> None:
    await administrator_list.disable(eve.id, by=BY, now=now)
    await administrator_list.enable(eve.id, by=BY, now=now)


async def demoted(site: Site, eve: Administrator, now: datetime) -> None:
    await administrator_list.give_role(eve.id, "SUPPORT", by=BY, now=now)


async def allowed_less(site: Site, eve: Administrator, now: datetime) -> None:
    role = next(row for row in (await roles.list_roles()) if row.name == "desk")
    assert role.id is not None
    less = RoleDraft("", frozenset({"administrator.see", "person.see"}))
    await own_roles.change_role(site.desk, role.id, less, by=BY, now=now)


HOW: dict[str, Callable[[Site, Administrator, datetime], Awaitable[None]]] = {
    each.__name__: each for each in (removed, disabled, disabled_for_a_while, demoted, allowed_less)
}


@pytest.mark.parametrize("how", HOW)
async def test_links_end_with_their_maker(site: Site, eve: Browser, ben: Person, now: datetime, how: str) -> None:
    setup, choice = await made(eve, ben)
    async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as mallory:
        assert [(await mallory.get(path)).status_code for path in (setup, choice)] == [200, 200]
        await HOW[how](site, await Administrator.get(name="eve"), now)
        for path, form in ((setup, SETUP), (choice, CHOICE)):
            assert (await mallory.get(path)).status_code in {403, 404}
            assert (await mallory.post(path, data=form)).status_code in {403, 404}
    assert not await Administrator.exists(name="mallory")
    assert (await Person.get(id=ben.id)).password_hash == ben.password_hash
    assert await administrator_list.list_pending(now=now) == []


async def test_links_of_somebody_who_stays_and_of_commands_work(
    site: Site, eve: Browser, ben: Person, now: datetime
) -> None:
    setup, choice = await made(eve, ben)
    by_command = urlsplit(await administrator_list.invite(site.desk, "cleo", "ADMIN", by=BY, now=now)).query
    await HOW["removed"](site, await administrators.create_administrator(site.desk,
        name="other", password=EVE_PASSWORD, now=now, actor="ada"), now)  # fmt: skip
    async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as mallory:
        assert (await mallory.post(choice, data=CHOICE)).status_code == 303
        assert (await mallory.post(setup, data=SETUP)).status_code == 303
    async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as cleo:
        assert (await cleo.post(f"/admin/setup?{by_command}", data=SETUP)).status_code == 303
    assert PASSWORD != CHOSEN


async def test_used_while_its_maker_is_removed_a_link_comes_before_it_or_not_at_all(
    site: Site, eve: Browser, now: datetime
) -> None:
    setup, _ = await made(eve)
    maker = await Administrator.get(name="eve")
    async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as mallory:
        answer, _ = await asyncio.gather(
            mallory.post(setup, data=SETUP), administrator_list.remove(maker.id, by=BY, now=now)
        )
        assert answer.status_code == (303 if await Administrator.exists(name="mallory") else 404)
        assert (await mallory.post(setup, data=SETUP)).status_code == 404
    assert not await SetupLink.filter(used_at=None).exists()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_a_directorys_administrator_who_lost_the_group_backs_no_link(
    site: Site, ada: None, ldap_server: LdapServer, now: datetime
) -> None:
    await add(site.desk, entry_for(ldap_server, timeout=1))
    await assignments.assign(site.desk, "corp/posix", "ADMIN", by=BY, now=now)
    paths = []
    for role in ("ADMIN", "SUPPORT", "SUPPORT"):
        async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as browser:
            answer = await browser.post("/admin/sign-in", data={"name": "corp\\ben", "password": LDAP_PASSWORD})
            assert answer.status_code == 303
            paths.append((await made(browser, role=role))[0])
            await browser.post("/admin/sign-out")
        if len(paths) == 1:
            ldap_server.change(f"dn: cn=posix,{GROUPS}\nchangetype: modify\ndelete: memberUid\nmemberUid: ben\n")
            async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as mallory:
                assert (await mallory.post(paths[0], data=SETUP)).status_code == 404
            ldap_server.change(f"dn: cn=posix,{GROUPS}\nchangetype: modify\nadd: memberUid\nmemberUid: ben\n")
    ldap_server.kill()
    async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as mallory:
        assert (await mallory.post(paths[1], data=SETUP)).status_code == 404, "a newer link took its place"
        await Administrator.filter(domain="corp").update(checked_at=now - timedelta(hours=2))
        away = await mallory.post(paths[2], data=SETUP)
        assert (away.status_code, away.request.method, 'value="mallory"' in away.text) == (503, "GET", True)
        await Administrator.filter(domain="corp").update(checked_at=now)
        assert (await mallory.post(paths[2], data=SETUP)).status_code == 303
