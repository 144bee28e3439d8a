"""One clock works at a time and one server has a home; whoever ends gives it back."""

import os

import pytest

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store.single_holder import ClockLock, single_server

pytestmark = pytest.mark.anyio


async def test_one_of_two_clocks_has_the_turn_until_it_ends(settings: Settings) -> None:
    async with ClockLock(settings) as second:
        async with ClockLock(settings) as first:
            assert await first.try_acquire()
            assert await first.try_acquire(), "whoever has it keeps it"
            assert not await second.try_acquire()
        assert await second.try_acquire()


async def test_a_clock_that_never_had_the_turn_takes_it_from_nobody(settings: Settings) -> None:
    async with ClockLock(settings) as first:
        assert await first.try_acquire()
        async with ClockLock(settings) as second:
            assert not await second.try_acquire()
        assert await first.try_acquire()
        async with ClockLock(settings) as third:
            assert not await third.try_acquire()


def test_a_second_server_of_one_home_names_the_first(sqlite_settings: Settings) -> None:
    with single_server(sqlite_settings):
        with pytest.raises(CannotStart, match=f"process {os.getpid()}"), single_server(sqlite_settings):
            raise AssertionError("two servers on one home")
        with pytest.raises(CannotStart), single_server(sqlite_settings):
            raise AssertionError("the second took the lock from the first")
    with single_server(sqlite_settings):
        assert (sqlite_settings.home / "otae.serve").read_text() == f"{os.getpid()}\n"


def test_on_postgresql_any_number_of_servers_may_run(postgres_settings: Settings) -> None:
    with single_server(postgres_settings), single_server(postgres_settings):
        assert not (postgres_settings.home / "otae.serve").exists()
