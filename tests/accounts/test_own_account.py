"""An administrator's own password, on both databases; the page is tested in tests/web/admin/test_own_account.py."""

import asyncio
from datetime import datetime

import pytest

from otae.accounts import own_account, password_links
from otae.accounts.administrators import create_administrator, find_setup_link, new_setup_link, sign_in
from otae.accounts.console_sign_in import Browser
from otae.directory.local import people
from otae.errors import InputRefused, PasswordLinkUnknown, SetupLinkUnknown, SigninFailed
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Administrator, AuditEntry, BrowserSession

pytestmark = pytest.mark.anyio

PASSWORD = "four quiet words here"
HERE = Browser("203.0.113.0/24", "Safari on macOS", None)


@pytest.fixture
async def now(desk: Desk) -> datetime:
    now = await database.now()
    await create_administrator(desk, name="ada", password=PASSWORD, now=now, actor="command line")
    return now


async def test_of_three_who_change_it_at_the_same_moment_one_does(desk: Desk, now: datetime) -> None:
    wanted = [f"{PASSWORD} {number} more" for number in range(3)]
    results = await asyncio.gather(
        *(own_account.change_password(desk, "ada", PASSWORD, new, HERE, now=now) for new in wanted),
        return_exceptions=True,
    )
    assert await AuditEntry.filter(action="administrator.password-changed").count() == 1
    changed = [new for new, result in zip(wanted, results, strict=True) if not isinstance(result, Exception)]
    assert len(changed) == 1
    assert (await sign_in(desk, "ada", changed[0], "198.51.100.7", now=now)).name == "ada"
    with pytest.raises(SigninFailed):
        await sign_in(desk, "ada", PASSWORD, "192.0.2.7", now=now)
    assert await BrowserSession.all().count() == 1


async def test_a_name_and_a_password_that_cannot_be_are_refused(desk: Desk, now: datetime) -> None:
    for name, new in (("eve", PASSWORD), ("ada", "short"), ("a b\x00", PASSWORD)):
        with pytest.raises(InputRefused):
            await own_account.set_password(desk, name, new, now=now, actor="command line")


@pytest.mark.parametrize("by", ["themselves", "the command line"])
async def test_links_that_were_made_under_the_old_password_end(desk: Desk, now: datetime, by: str) -> None:
    ada = await Administrator.get(name="ada")
    ben = await people.add_person(desk, name="ben", now=now, actor="ada")
    setup = await new_setup_link(desk, now=now, name="ghost", maker_id=ada.id)
    password = await password_links.make(desk, ben, now=now, actor="ada", maker_id=ada.id)
    other = await new_setup_link(desk, now=now, name="carla")
    if by == "themselves":
        await own_account.change_password(desk, "ada", PASSWORD, f"{PASSWORD} more", HERE, now=now)
    else:
        await own_account.set_password(desk, "ada", f"{PASSWORD} more", now=now, actor=by)
    with pytest.raises(SetupLinkUnknown):
        await find_setup_link(setup.partition("?s=")[2], now=now)
    with pytest.raises(PasswordLinkUnknown):
        await password_links.find(password.partition("?s=")[2], now=now)
    kept = await find_setup_link(other.partition("?s=")[2], now=now)
    assert kept.administrator_name == "carla", "a command made this one"
