"""A directory's account left alone after so many wrong passwords: exactly so many, however many come at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from otae.accounts import assignments, directory_sign_in, lockout
from otae.accounts.roles import By
from otae.errors import SlowDown
from otae.settings import Settings
from otae.store import database, keyring
from otae.store.desk import Desk
from otae.store.models import Counter
from tests.desks import RecordingBell
from tests.directory.ldap_desk import add, entry_for
from tests.servers.ldap_trees import PASSWORD
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

KEY = lockout.key_of("bare", "corp", "ben")
OTHER = lockout.key_of("bare", "corp", "cleo")


@pytest.fixture
async def sqlite_desk(sqlite_settings: Settings, anyio_backend: str) -> AsyncIterator[Desk]:
    """Open an installation on SQLite: one that is embedded may connect to this very machine."""
    async with database.connected(sqlite_settings):
        yield Desk(sqlite_settings, await keyring.open_vault(sqlite_settings), RecordingBell())


async def test_fifty_tries_at_once_count_exactly_to_the_limit(desk: Desk) -> None:
    now = await database.now()
    await lockout.count_try(OTHER, 5, 10, now)
    results = await asyncio.gather(*(lockout.count_try(KEY, 5, 10, now) for _ in range(50)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType"] * 5 + ["SlowDown"] * 45
    row = await Counter.get(key=KEY)
    assert (row.failures, row.blocked_until) == (5, now + timedelta(minutes=10))
    other = await Counter.get(key=OTHER)
    assert (other.failures, other.blocked_until) == (1, None), "nobody else's account is touched"


async def test_after_the_lockout_fifty_at_once_count_to_the_limit_again(desk: Desk) -> None:
    now = await database.now()
    for _ in range(5):
        await lockout.count_try(KEY, 5, 10, now)
    with pytest.raises(SlowDown) as caught:
        await lockout.count_try(KEY, 5, 10, now + timedelta(minutes=10) - timedelta(seconds=1))
    assert caught.value.seconds == 1
    later = now + timedelta(minutes=10)
    results = await asyncio.gather(*(lockout.count_try(KEY, 5, 10, later) for _ in range(50)), return_exceptions=True)
    assert results.count(None) == 5
    assert (await Counter.get(key=KEY)).blocked_until == later + timedelta(minutes=10)


async def test_what_was_no_wrong_password_is_given_back_at_once_too(desk: Desk) -> None:
    now = await database.now()

    async def away() -> None:
        await lockout.count_try(KEY, 5, 10, now)
        await lockout.give_back(KEY, 5)

    await asyncio.gather(*(away() for _ in range(50)), return_exceptions=True)
    row = await Counter.get(key=KEY)
    assert (row.failures, row.blocked_until) == (0, None)


async def test_the_directory_is_asked_no_more_often_and_a_right_password_waits_as_well(
    sqlite_desk: Desk, crowded_ldap: LdapServer
) -> None:
    desk = sqlite_desk
    await add(desk, entry_for(crowded_ldap, lockout_limit=5, lockout_minutes=10))
    now = await database.now()
    await assignments.assign(desk, "corp/round", "SUPPORT", by=By("ada"), now=now)

    async def fifty(name: str, password: str) -> tuple[int, int]:
        before = crowded_ldap.binds()
        tries = (directory_sign_in.sign_in(desk, "corp", name, password, now=now) for _ in range(50))
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert all(isinstance(each, SlowDown) or each is None for each in results)
        return results.count(None), crowded_ldap.binds() - before

    assert await fifty("ben", "wrong") == (5, 5)
    assert await fifty("ben", PASSWORD) == (0, 0), "locked, whatever the password"
    assert await fifty("nobody", "wrong") == (5, 5), "nobody is left alone like somebody"
    cleo = await directory_sign_in.sign_in(desk, "corp", "cleo", PASSWORD, now=now)
    assert cleo is not None
