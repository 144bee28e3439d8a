"""Pages follow one another without a gap or a repetition, whatever is equal, and counting ends at a limit."""

from datetime import timedelta

import pytest

from otae.store import database, paging
from otae.store.desk import Desk
from otae.store.models import Person
from otae.store.paging import Order

pytestmark = pytest.mark.anyio


async def test_newest_first_leaves_out_nobody_and_shows_nobody_twice(desk: Desk) -> None:
    now = await database.now()
    # Seven of one moment: the id decides.
    moments = [now - timedelta(seconds=number // 7) for number in range(20)]
    await Person.bulk_create(
        [Person(name=f"p{number:02}", display_name="x", created_at=at) for number, at in enumerate(moments)]
    )
    expected = [row.id for row in await Person.all().order_by("-created_at", "-id")]
    seen, last = [], None
    for _ in range(7):
        page = await Person.filter(paging.older_than(last)).order_by("-created_at", "-id").limit(3)
        seen += [row.id for row in page]
        last = page[-1]
    assert seen == expected
    assert not await Person.filter(paging.older_than(last)).exists()


async def test_upwards_the_next_page_begins_after_both_values(desk: Desk) -> None:
    now = await database.now()
    names = [(letter, f"{letter}{number}") for letter in "abc" for number in range(3)]
    await Person.bulk_create([Person(name=name, display_name=shown, created_at=now) for shown, name in names])
    for place, (shown, name) in enumerate(names):
        after = paging.after_values(("display_name", shown), ("name", name))
        rows = await Person.filter(after).order_by("display_name", "name")
        assert [row.name for row in rows] == [each for _, each in names[place + 1 :]]


async def test_no_more_is_counted_than_the_limit_and_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNT_LIMIT", 5)
    now = await database.now()
    for number in range(8):
        assert await paging.count_capped(Person.all()) == min(number, 6)
        await Person(name=f"p{number}", display_name="Ben" if number % 2 else "Cleo", created_at=now).save()
    assert await paging.count_capped(Person.filter(display_name="Ben")) == 4
    assert await paging.count_capped(Person.filter(display_name="O'Neill")) == 0


@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize(
    ("column", "nulls", "values"), [("role", False, ""), ("role", False, "AB"), ("signed_in_at", True, "")]
)
async def test_pages_follow_one_another_both_ways_whatever_is_equal_or_empty(
    desk: Desk, column: str, values: str, *, nulls: bool, down: bool
) -> None:
    now = await database.now()
    await Person.bulk_create(
        [
            Person(
                name=f"p{number:02}",
                display_name="x",
                role="AB"[number % 2],
                signed_in_at=now - timedelta(days=number % 3) if number % 4 else None,
                created_at=now - timedelta(seconds=number // 5),
            )
            for number in range(20)
        ]
    )
    order = Order((column, "created_at", "id"), down=down, nulls=nulls, values=tuple(values))
    everybody = [row.name for row in await paging.read_page(Person.all(), order, limit=100)]
    assert sorted(everybody) == [f"p{number:02}" for number in range(20)]
    shown = [getattr(row, column) for row in await paging.read_page(Person.all(), order, limit=100)]
    known = [each for each in shown if each is not None]
    assert shown == sorted(known, reverse=down) + [None] * (20 - len(known)), "what has no value comes last"
    forth, last = list[str](), None
    while page := await paging.read_page(Person.all(), order, limit=3, at=last):
        forth += [row.name for row in page]
        last = page[-1]
    assert forth == everybody
    back, first = list[str](), None
    while page := await paging.read_page(Person.all(), order, limit=3, at=first, back=True):
        back = [row.name for row in page] + back
        first = page[0]
    assert back == everybody


async def test_newest_first_goes_back_as_well(desk: Desk) -> None:
    now = await database.now()
    await Person.bulk_create(
        [
            Person(name=f"p{number}", display_name="x", created_at=now - timedelta(hours=number // 2))
            for number in range(6)
        ]
    )
    everybody = await paging.read_page(Person.all(), Order(), limit=10)
    page = await paging.read_page(Person.all(), Order(), limit=2, at=everybody[4], back=True)
    assert [row.id for row in page] == [row.id for row in everybody[2:4]]
