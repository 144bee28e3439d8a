"""Old algorithms that are still accepted are counted, and the counting costs a message next to nothing."""

from datetime import timedelta

import pytest

from otae.store import database, failure_counters, old_algorithms
from otae.store.desk import Desk

pytestmark = pytest.mark.anyio


async def test_the_first_use_is_shown_at_once_and_later_ones_soon(desk: Desk) -> None:
    now = await database.now()
    await old_algorithms.count_use(desk.resources, "sha1", "aes-128-cbc", now=now)
    assert await old_algorithms.usage() == {"mac.sha1": old_algorithms.Usage(1, now)}
    for seconds in (1, 2, 3):
        await old_algorithms.count_use(desk.resources, "sha1", now=now + timedelta(seconds=seconds))
    assert (await old_algorithms.usage())["mac.sha1"].messages == 1
    later = now + old_algorithms.FLUSH_INTERVAL
    await old_algorithms.count_use(desk.resources, "sha1", "des-ede3-cbc", now=later)
    assert await old_algorithms.usage() == {
        "mac.sha1": old_algorithms.Usage(5, later),
        "scep.des3": old_algorithms.Usage(1, later),
    }


async def test_what_is_new_is_not_counted(desk: Desk) -> None:
    await old_algorithms.count_use(desk.resources, "sha256", "aes-256-cbc", now=await database.now())
    assert await old_algorithms.usage() == {}


async def test_the_count_outlives_the_counters_of_failures(desk: Desk) -> None:
    now = await database.now()
    await old_algorithms.count_use(desk.resources, "des-ede3-cbc", now=now)
    await failure_counters.delete_expired(now + timedelta(days=30))
    assert (await old_algorithms.usage())["scep.des3"].messages == 1
