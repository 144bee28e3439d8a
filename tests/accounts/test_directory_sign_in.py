"""Administrators from groups of a directory, on a real slapd: let in with the role that their groups give them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from otae.accounts import administrator_list, administrators, assignments, browsers
from otae.accounts.roles import Grantor, Powers
from otae.errors import BeyondRole, DirectoryUnavailable, InputRefused, SigninFailed, SlowDown, StaleState
from otae.store import database, passwords
from otae.store.desk import Desk
from otae.store.models import Administrator, AuditEntry, BrowserSession, DirectoryServer, Person
from tests.directory.ldap_desk import add, entry_for
from tests.servers.ldap_trees import GROUPS, PASSWORD, PEOPLE
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

HERE = "203.0.113.9"
BY = Grantor("ada")


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Open an installation on SQLite: nothing here depends on the database."""
    return sqlite_desk


async def connected(desk: Desk, server: LdapServer) -> LdapServer:
    """Connect a directory whose group "round" (Ben, and Cleo by a group in it) may help people."""
    await add(desk, entry_for(server))
    await assignments.assign(desk, "corp/round", "SUPPORT", by=BY, now=await database.now())
    return server


@pytest.fixture
async def corp(desk: Desk, crowded_ldap: LdapServer) -> LdapServer:
    """A directory that stays as it is."""
    return await connected(desk, crowded_ldap)


@pytest.fixture
async def changing(desk: Desk, ldap_server: LdapServer) -> LdapServer:
    """A directory of the test's own."""
    return await connected(desk, ldap_server)


async def sign_in(desk: Desk, name: str, password: str = PASSWORD, *, minutes: int = 0) -> Administrator:
    now = await database.now() + timedelta(minutes=minutes)
    return await administrators.sign_in(desk, name, password, HERE, now=now)


async def test_a_member_is_let_in_with_the_role_of_the_group_and_keeps_one_row(desk: Desk, corp: LdapServer) -> None:
    for name in ("corp\\ben", "CORP\\Ben ", "corp.test\\ben", "corp/ben"):
        ben = await sign_in(desk, name)
        assert (ben.name, ben.domain, ben.role, ben.password_hash) == ("corp\\ben", "corp", "SUPPORT", "")
        assert ben.display_name == "Ben Example", "so he reads to those whom he invites"
    assert (await sign_in(desk, "corp\\cleo")).role == "SUPPORT", "by a group within the group"
    assert await Administrator.all().count() == 2
    added = await AuditEntry.filter(action="administrator.added").values_list("actor", "subject", "detail")
    assert set(added) == {("corp", "corp\\ben", "SUPPORT"), ("corp", "corp\\cleo", "SUPPORT")}
    assert await AuditEntry.filter(action="administrator.signed-in", actor="corp\\ben").count() == 4
    assert not await Person.exists(), "an administrator is nobody to invite by that"


async def test_everybody_else_is_refused_alike(desk: Desk, corp: LdapServer) -> None:
    await sign_in(desk, "corp\\ben")
    said = set()
    for name, password in (
        ("corp\\ben", "wrong"),
        ("corp\\nobody", PASSWORD),
        ("corp\\dora", PASSWORD),
        ("corp\\same", PASSWORD),
        ("corp\\", PASSWORD),
        ("corp\\*", PASSWORD),
        ("corp\\ben", ""),
        ("elsewhere\\ben", PASSWORD),
        ("ben", PASSWORD),
        ("local\\ben", PASSWORD),
        ("corp\\ben\0x", PASSWORD),
    ):
        with pytest.raises(SigninFailed) as caught:
            await sign_in(desk, name, password, minutes=1)
        said.add(str(caught.value))
    assert len(said) == 1
    assert await Administrator.all().count() == 1, "who is in no such group leaves no row"


async def test_known_and_unknown_names_ask_the_directory_for_as_much(desk: Desk, corp: LdapServer) -> None:
    asked = []
    for name in ("ben", "nobody", "cleo"):
        before = corp.binds(), corp.searches()
        with pytest.raises(SigninFailed):
            await sign_in(desk, f"corp\\{name}", "wrong")
        asked.append((corp.binds() - before[0], corp.searches() - before[1]))
    assert asked == [(1, 1)] * 3, "one search and one bind, whoever it is"


async def test_a_directory_that_gives_nobody_a_role_is_not_asked(
    desk: Desk, crowded_ldap: LdapServer, count_calls: Callable[[object, str], list[tuple[object, ...]]]
) -> None:
    await add(desk, entry_for(crowded_ldap))
    calls, before = count_calls(passwords, "verify_secret"), (crowded_ldap.binds(), crowded_ldap.searches())
    for name in ("corp\\ben", "elsewhere\\ben"):
        with pytest.raises(SigninFailed):
            await sign_in(desk, name)
    assert len(calls) == 2, "as slow as a wrong password"
    assert (crowded_ldap.binds(), crowded_ldap.searches()) == before


async def test_the_role_follows_the_groups_at_every_sign_in(desk: Desk, changing: LdapServer) -> None:
    now = await database.now()
    ben = await sign_in(desk, "corp\\ben")
    secret = await browsers.open_browser(browsers.CONSOLE, ben, now=now)
    await assignments.assign(desk, "corp/posix", "ADMIN", by=BY, now=now)
    assert (await sign_in(desk, "corp\\ben")).role == "ADMIN", "of several the one that allows most"
    assert await browsers.find_browser(secret, browsers.CONSOLE, now=now) is None
    assert (await sign_in(desk, "corp\\cleo")).role == "SUPPORT"
    changing.change(f"dn: cn=round-2,{GROUPS}\nchangetype: modify\ndelete: member\nmember: uid=cleo,{PEOPLE}\n")
    cleo = await Administrator.get(name="corp\\cleo")
    await browsers.open_browser(browsers.CONSOLE, cleo, now=now)
    with pytest.raises(SigninFailed):
        await sign_in(desk, "corp\\cleo")
    await cleo.refresh_from_db()
    assert cleo.role == "USER"
    assert not await BrowserSession.filter(administrator_id=cleo.id).exists()


async def test_taking_the_role_away_signs_them_out_and_lets_nobody_in(desk: Desk, corp: LdapServer) -> None:
    now = await database.now()
    await browsers.open_browser(browsers.CONSOLE, await sign_in(desk, "corp\\ben"), now=now)
    (held,) = await assignments.list_assignments()
    small = Grantor("cleo", Powers("small", frozenset({"administrator.edit"})))
    with pytest.raises(BeyondRole):
        await assignments.unassign(held.id, by=small, now=now)
    assert await assignments.unassign(held.id, by=BY, now=now) == "corp/round"
    assert not await BrowserSession.exists()
    with pytest.raises(SigninFailed):
        await sign_in(desk, "corp\\ben")
    with pytest.raises(StaleState):
        await assignments.unassign(held.id, by=BY, now=now)


async def test_somebody_disabled_here_or_renamed_there_is_treated_so(desk: Desk, changing: LdapServer) -> None:
    now = await database.now()
    ben = await sign_in(desk, "corp\\ben")
    changing.change(
        f"dn: uid=ben,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=benjamin\ndeleteoldrdn: 1\n\n"
        f"dn: cn=round,{GROUPS}\nchangetype: modify\nadd: member\nmember: uid=benjamin,{PEOPLE}\n"
    )
    renamed = await sign_in(desk, "corp\\benjamin")
    assert (renamed.id, renamed.name) == (ben.id, "corp\\benjamin")
    await administrator_list.disable(ben.id, by=BY, now=now)
    with pytest.raises(SigninFailed):
        await sign_in(desk, "corp\\benjamin")


async def test_a_directory_that_is_away_counts_no_try_and_keeps_nobody_else_out(
    desk: Desk, changing: LdapServer
) -> None:
    await administrators.create_administrator(
        desk, name="ada", password="four quiet words here", now=await database.now(), actor="command line"
    )
    await DirectoryServer.all().update(timeout=1, lockout_limit=3)
    changing.kill()
    for _ in range(6):
        with pytest.raises(DirectoryUnavailable):
            await sign_in(desk, "corp\\ben")
    assert (await sign_in(desk, "ada", "four quiet words here")).name == "ada"


async def test_an_account_is_left_alone_after_as_many_as_the_directory_allows(desk: Desk, corp: LdapServer) -> None:
    await DirectoryServer.all().update(lockout_limit=2, lockout_minutes=5)
    for network in ("203.0.113.1", "198.51.100.1"):
        with pytest.raises(SigninFailed):
            await administrators.sign_in(desk, "corp\\ben", "wrong", network, now=await database.now())
    with pytest.raises(SlowDown):
        await administrators.sign_in(desk, "corp\\ben", PASSWORD, "192.0.2.1", now=await database.now())
    assert (await sign_in(desk, "corp\\ben", minutes=6)).role == "SUPPORT"


async def test_only_a_group_of_a_directory_can_give_a_role(desk: Desk, corp: LdapServer) -> None:
    now = await database.now()
    for group, role, field in (
        ("corp/nowhere", "SUPPORT", "group"),
        ("elsewhere/round", "SUPPORT", "group"),
        ("round", "SUPPORT", "group"),
        ("corp/round", "ADMIN", "group"),
        ("corp/nested", "USER", "role"),
        ("corp/nested", "NOBODY", "role"),
    ):
        with pytest.raises(InputRefused) as caught:
            await assignments.assign(desk, group, role, by=BY, now=now)
        assert list(caught.value.fields) == [field]
    small = Grantor("cleo", Powers("small", frozenset({"administrator.edit"})))
    with pytest.raises(BeyondRole):
        await assignments.assign(desk, "corp/nested", "SUPPORT", by=small, now=now)
