"""What a process keeps in memory: one object of each class, made when it is first asked for, closed with the others."""

import pytest

from otae.store.resources import Resources

pytestmark = pytest.mark.anyio

closed: list[str] = []


class Cache(dict[str, str]):
    """Needs no closing."""


class First:
    """Remembers that it was closed."""

    async def close(self) -> None:
        closed.append("first")


class Second:
    """Remembers that it was closed."""

    async def close(self) -> None:
        closed.append("second")


async def test_one_object_of_each_class_is_kept_and_two_processes_share_none() -> None:
    here, there = Resources(), Resources()
    here.get(Cache)["ben"] = "1"
    assert here.get(Cache) == {"ben": "1"}
    assert there.get(Cache) == {}


async def test_at_the_end_what_was_made_last_is_closed_first_and_later_ones_are_new() -> None:
    closed.clear()
    resources = Resources()
    for kind in (First, Cache, Second):
        resources.get(kind)
    cache = resources.get(Cache)
    await resources.close()
    assert closed == ["second", "first"]
    assert resources.get(Cache) is not cache
