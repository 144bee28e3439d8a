"""Who is within reach: the people of some groups and their sub-groups, and nobody else."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from otae.directory.local.people import add_person
from otae.directory.reach import EVERYBODY, Reach, reach_of
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Person

pytestmark = pytest.mark.anyio

#: Our own groups are never old.
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
async def people(desk: Desk) -> Callable[[str], Person]:
    """Ben is in Sales, Cleo in a sub-group of it, Dora where only the letters' case differs, Emil nowhere."""
    now, found = await database.now(), {}
    for name, groups in (
        ("ben", ["Sales", "Sales.North"]),
        ("cleo", ["Sales.North"]),
        ("dora", ["sales", "sales.north", "Sales_north", "SalesX"]),
        ("emil", []),
    ):
        found[name] = await add_person(desk, name=name, groups=groups, now=now, actor="ada")
    return found.__getitem__


async def names(reach: Reach) -> list[str]:
    return [row.name for row in await Person.filter(reach.people()).order_by("name")]


async def test_a_reach_is_the_people_of_groups_and_their_sub_groups(people: Callable[[str], Person]) -> None:
    reach = await reach_of(["local/Sales"], now=NOW)
    assert await names(reach) == ["ben", "cleo"]
    assert await reach.includes(people("cleo").id)
    assert not await reach.includes(people("dora").id)
    assert await names(await reach_of(["local/Sales.North"], now=NOW)) == ["ben", "cleo"]
    assert await names(await reach_of(["local/Sales", "local/SalesX"], now=NOW)) == ["ben", "cleo", "dora"]


@pytest.mark.parametrize("name", ["local/Sal%", "local/S_les", "local/nobody", "elsewhere/Sales", "local/", "/"])
async def test_a_group_that_is_not_there_reaches_nobody(people: Callable[[str], Person], name: str) -> None:
    reach = await reach_of([name], now=NOW)
    assert reach.limited
    assert await names(reach) == []
    assert not await reach.includes(people("ben").id)


async def test_without_limits_everybody_is_within_reach(people: Callable[[str], Person]) -> None:
    assert await reach_of([], now=NOW) == EVERYBODY
    assert await names(EVERYBODY) == ["ben", "cleo", "dora", "emil"]
    assert await EVERYBODY.includes(people("emil").id)
    assert await names(await reach_of(["no domain"], now=NOW)) == [], "what is no group's name narrows, it never widens"
