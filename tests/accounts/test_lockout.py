"""A directory's account left alone after so many wrong passwords: exactly so many, however many come at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from otae.accounts import assignments, directory_sign_in, throttle
from otae.accounts.roles import Grantor
from otae.errors import SlowDown
from otae.settings import Settings
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import DirectoryServer
from tests.desks import RecordingBell, opened
from tests.directory.ldap_desk import add, entry_for
from tests.servers.ldap_trees import PASSWORD
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def sqlite_desk(sqlite_settings: Settings, anyio_backend: str) -> AsyncIterator[Desk]:
    """Open an installation on SQLite: one that is embedded may connect to this very machine."""
    async with opened(sqlite_settings, RecordingBell()) as desk:
        yield desk


async def test_the_directory_is_asked_no_more_often_and_a_right_password_waits_as_well(
    sqlite_desk: Desk, crowded_ldap: LdapServer
) -> None:
    desk = sqlite_desk
    await add(desk, entry_for(crowded_ldap, lockout_limit=5, lockout_minutes=10))
    now = await database.now()
    await assignments.assign(desk, "corp/round", "SUPPORT", by=Grantor("ada"), now=now)

    server = await DirectoryServer.get(domain="corp")

    async def sign_in(name: str, password: str, network: str) -> object:
        attempt = await throttle.begin(desk, throttle.CONSOLE, network, now)
        return await directory_sign_in.sign_in(desk, server, name, password, attempt)

    async def fifty(name: str, password: str) -> tuple[int, int]:
        before = crowded_ldap.binds()
        sent = (sign_in(name, password, f"198.51.{number}.0/24") for number in range(50))
        results = await asyncio.gather(*sent, return_exceptions=True)
        assert all(isinstance(each, SlowDown) or each is None for each in results)
        return results.count(None), crowded_ldap.binds() - before

    assert await fifty("ben", "wrong") == (5, 5)
    assert await fifty("ben", PASSWORD) == (0, 0), "locked, whatever the password"
    assert await fifty("nobody", "wrong") == (5, 5), "nobody is left alone like somebody"
    assert await sign_in("cleo", PASSWORD, "198.51.100.0/24") is not None
