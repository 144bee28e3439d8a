"""Keyset pagination: the condition for the next page of a list, and a count with an upper limit.

A page begins after the last row of the one before, found through the list's index. The first column is also compared by
itself: with "smaller, or equal and of a smaller id" alone, databases read the table from its beginning.
"""

from typing import Any, Final

from tortoise.connection import get_connection
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

#: Pages count rows up to here: "10 000+".
COUNT_LIMIT: Final = 10_000


def after_values(first: tuple[str, object], second: tuple[str, object], *, down: bool = False) -> Q:
    """Return the condition for rows after these values of the two columns that the list is ordered by.

    Args:
        first: name and value of the first column.
        second: name and value of the second column, unique among rows with the same first value.
        down: the order is descending.
    """
    (column, value), (tie_column, tie_value) = first, second
    operator = "lt" if down else "gt"
    from_value: dict[str, Any] = {f"{column}__{operator}e": value}
    beyond_value: dict[str, Any] = {f"{column}__{operator}": value}
    beyond_tie: dict[str, Any] = {f"{tie_column}__{operator}": tie_value}
    return Q(**from_value) & (Q(**beyond_value) | Q(**beyond_tie))


def older_than(last: Model | None, column: str = "created_at") -> Q:
    """Return the condition for rows after ``last`` in a list "newest first"; all rows for None."""
    if last is None:
        return Q()
    return after_values((column, getattr(last, column)), ("id", last.pk), down=True)


async def count_capped(rows: QuerySet[Any]) -> int:
    """Return the number of ``rows``, or COUNT_LIMIT + 1 when there are more than COUNT_LIMIT."""
    listed = rows.limit(COUNT_LIMIT + 1).values_list("id")
    listed._choose_db_if_not_chosen()  # noqa: SLF001 - the ORM counts everything, whatever the limit
    listed._make_query()  # noqa: SLF001 - as above
    text, values = listed.query.get_parameterized_sql()
    sql = f"SELECT count(*) AS number FROM ({text}) AS listed"  # noqa: S608 - the ORM's own text
    return int((await get_connection("default").execute_query_dict(sql, values))[0]["number"])
