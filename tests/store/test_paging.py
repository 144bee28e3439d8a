"""Pages follow one another without a gap or a repetition, whatever is equal, and counting ends at a limit."""

from datetime import timedelta

import pytest

from otae.store import database, paging
from otae.store.desk import Desk
from otae.store.models import Person

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
