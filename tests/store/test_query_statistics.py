"""SQLite counts its tables as they grow, and a list then goes through the index of its order."""

import pytest
from tortoise.connection import get_connection

from otae.store import database, query_statistics
from otae.store.desk import Desk
from otae.store.models import Person

pytestmark = pytest.mark.anyio


async def add(first: int, last: int) -> None:
    now = await database.now()
    rows = [Person(name=f"p{number:05}", display_name="P", created_at=now) for number in range(first, last)]
    await Person.bulk_create(rows)


async def test_a_table_is_counted_when_it_has_grown_to_twice_its_size(desk: Desk) -> None:
    assert await query_statistics.refresh() == []
    await add(0, query_statistics.MIN_ROWS + 10)
    counted = await query_statistics.refresh()
    assert await query_statistics.refresh() == []
    await add(query_statistics.MIN_ROWS + 10, query_statistics.MIN_ROWS + 20)
    assert await query_statistics.refresh() == []
    await add(query_statistics.MIN_ROWS + 20, 2 * query_statistics.MIN_ROWS + 50)
    assert counted == await query_statistics.refresh() == (["person"] if database.dialect() == "sqlite" else [])


async def test_a_page_of_people_is_not_sorted(desk: Desk) -> None:
    if database.dialect() != "sqlite":
        return
    page = "SELECT * FROM person WHERE rehearsal = ? AND removed_at IS NULL ORDER BY name, domain LIMIT 50"

    async def way() -> str:
        rows = await get_connection("default").execute_query_dict(f"EXPLAIN QUERY PLAN {page}", [False])
        return " ".join(row["detail"] for row in rows)

    await add(0, 2000)
    assert "TEMP B-TREE" in await way()  # what the statistics are for
    await query_statistics.refresh()
    assert "TEMP B-TREE" not in await way()
