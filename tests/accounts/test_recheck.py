"""Administrators of directories who are signed in: whoever leaves the group leaves the console within minutes."""

from datetime import datetime, timedelta

import pytest

from otae.accounts import administrators, assignments, browsers, console_sign_in, recheck
from otae.accounts.console_sign_in import Browser, SecondStep
from otae.accounts.roles import Grantor
from otae.directory.reach import STALE_AFTER
from otae.errors import DirectoryUnavailable
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Administrator, AuditEntry, BrowserSession
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.servers.ldap_trees import CORP, GROUPS, PASSWORD, PEOPLE
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

SOON = timedelta(minutes=5)


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Open an installation on SQLite: nothing here depends on the database."""
    return sqlite_desk


@pytest.fixture
async def now(desk: Desk, ldap_server: LdapServer) -> datetime:
    """Connect a directory of each kind, each with a group that may help people."""
    began = await database.now()
    await add(desk, entry_for(ldap_server, timeout=1))
    await add(desk, active_entry(ldap_server, timeout=1))
    for group in ("corp/round", "ad/sales"):
        await assignments.assign(desk, group, "SUPPORT", by=Grantor("ada"), now=began)
    return began


async def signed_in(desk: Desk, name: str, now: datetime) -> str:
    row = await administrators.sign_in(desk, name, PASSWORD, "203.0.113.9", now=now)
    return await browsers.open_browser(browsers.CONSOLE, row, now=now)


async def inside(secret: str, now: datetime) -> bool:
    """Tell whether this browser is let in; it is used all the time, so that idleness ends nothing."""
    await BrowserSession.all().update(seen_at=now)
    return await browsers.find_browser(secret, browsers.CONSOLE, now=now) is not None


async def test_who_leaves_the_group_is_signed_out_and_the_others_stay(
    desk: Desk, ldap_server: LdapServer, now: datetime
) -> None:
    ben, cleo = [await signed_in(desk, name, now) for name in ("corp\\ben", "corp\\cleo")]
    for group in ("round", "round-2"):
        ldap_server.change(f"dn: cn={group},{GROUPS}\nchangetype: modify\ndelete: member\nmember: uid=ben,{PEOPLE}\n")
    await recheck.recheck_signed_in(desk, now=now + SOON)
    assert (await inside(ben, now + SOON), await inside(cleo, now + SOON)) == (False, True)
    entry = await AuditEntry.get(action="administrator.role-changed")
    assert (entry.actor, entry.subject, entry.detail) == ("corp", "corp\\ben", "SUPPORT → USER")


@pytest.mark.parametrize("how", ["disabled", "gone"])
async def test_who_is_disabled_or_gone_there_is_signed_out(
    desk: Desk, ldap_server: LdapServer, now: datetime, how: str
) -> None:
    ben = await signed_in(desk, "ad\\ben", now)
    dn = f"dn: cn=Ben,ou=staff,{CORP}\n"
    off = f"{dn}changetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n"
    ldap_server.change(off if how == "disabled" else f"{dn}changetype: delete\n", CORP)
    for _ in range(2):
        await recheck.recheck_signed_in(desk, now=now + SOON)
    assert not await inside(ben, now + SOON)
    entry = await AuditEntry.get(action="administrator.role-changed")
    assert entry.detail.startswith("SUPPORT → USER: ")
    assert how in entry.detail
    assert (await Administrator.get(name="ad\\ben")).role == "USER"


async def test_while_the_directory_is_away_they_stay_for_an_hour_and_then_sign_in_again(
    desk: Desk, ldap_server: LdapServer, now: datetime
) -> None:
    await administrators.create_administrator(
        desk, name="ada", password="four quiet words here", now=now, actor="command line"
    )
    ada = await browsers.open_browser(browsers.CONSOLE, await Administrator.get(name="ada"), now=now)
    ben = await signed_in(desk, "corp\\ben", now)
    await recheck.recheck_signed_in(desk, now=now + SOON)
    ldap_server.kill()
    last = now + SOON + STALE_AFTER
    await recheck.recheck_signed_in(desk, now=last - timedelta(seconds=1))
    assert await inside(ben, last - timedelta(seconds=1))
    assert not await inside(ben, last)
    assert await inside(ada, last), "our own administrators need no directory"
    ldap_server.start()
    await recheck.recheck_signed_in(desk, now=last)
    assert await inside(ben, last), "the same browser, when the directory says so again"


async def test_who_is_not_signed_in_is_not_asked_about(desk: Desk, ldap_server: LdapServer, now: datetime) -> None:
    await administrators.sign_in(desk, "corp\\ben", PASSWORD, "203.0.113.9", now=now)
    before = ldap_server.searches()
    await recheck.recheck_signed_in(desk, now=now + SOON)
    assert ldap_server.searches() == before


async def test_who_signs_in_by_a_passkey_is_looked_up_first(desk: Desk, ldap_server: LdapServer, now: datetime) -> None:
    row = await administrators.sign_in(desk, "corp\\ben", PASSWORD, "203.0.113.9", now=now)
    await Administrator.filter(id=row.id).update(second_factor_at=now)
    step = await console_sign_in.sign_in(desk, "corp\\ben", PASSWORD, Browser("203.0.113.9", "", None), now=now)
    assert isinstance(step, SecondStep), "the directory's password alone lets in no more"
    found = await recheck.current(desk, row.id, now=now)
    assert found is not None
    assert found.role == "SUPPORT"
    for group in ("round", "round-2"):
        ldap_server.change(f"dn: cn={group},{GROUPS}\nchangetype: modify\ndelete: member\nmember: uid=ben,{PEOPLE}\n")
    assert await recheck.current(desk, row.id, now=now) is None
    ldap_server.kill()
    with pytest.raises(DirectoryUnavailable):
        await recheck.current(desk, row.id, now=now)
    ldap_server.start()
