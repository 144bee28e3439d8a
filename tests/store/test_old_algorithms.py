"""Old algorithms that are still accepted are counted, and the counting costs a message next to nothing."""

from datetime import timedelta

import pytest

from otae.store import database, failure_counters, old_algorithms
from otae.store.desk import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Forget what this process counted before."""
    old_algorithms._waiting.clear()  # noqa: SLF001 - a process counts from its start; a test begins there
    old_algorithms._written.clear()  # noqa: SLF001 - same


async def test_the_first_use_is_shown_at_once_and_later_ones_soon(desk: Desk) -> None:
    now = await database.now()
    await old_algorithms.count("sha1", "aes-128-cbc", now=now)
    assert await old_algorithms.uses() == {"mac.sha1": old_algorithms.Use(1, now)}
    for seconds in (1, 2, 3):
        await old_algorithms.count("sha1", now=now + timedelta(seconds=seconds))
    assert (await old_algorithms.uses())["mac.sha1"].messages == 1
    later = now + old_algorithms.OFTEN
    await old_algorithms.count("sha1", "des-ede3-cbc", now=later)
    assert await old_algorithms.uses() == {
        "mac.sha1": old_algorithms.Use(5, later),
        "scep.des3": old_algorithms.Use(1, later),
    }


async def test_what_is_new_is_not_counted(desk: Desk) -> None:
    await old_algorithms.count("sha256", "aes-256-cbc", now=await database.now())
    assert await old_algorithms.uses() == {}


async def test_the_count_outlives_the_counters_of_failures(desk: Desk) -> None:
    now = await database.now()
    await old_algorithms.count("des-ede3-cbc", now=now)
    await failure_counters.forget_old(now + timedelta(days=30))
    assert (await old_algorithms.uses())["scep.des3"].messages == 1
