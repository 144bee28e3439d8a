"""Keyset pagination: the condition for the next page of a list, and a count with an upper limit.

A page begins after the last row of the one before, found through the list's index. The first column is also compared by
itself: with "smaller, or equal and of a smaller id" alone, databases read the table from its beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet, ValuesListQuery

#: Pages count rows up to here: "10 000+".
COUNT_LIMIT: Final = 10_000
#: Earlier than any stored time: SQLite finds those that are not null by an index only as a range.
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: An id that no row has.
NOBODY: Final = UUID(int=0)
#: A list narrowed to no more rows than this is read as a whole before it is sorted.
FEW: Final = 1000


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
    # the ORM counts everything, whatever the limit
    text, values = parameterized(rows.limit(COUNT_LIMIT + 1).values_list(rows.model._meta.pk_attr))  # noqa: SLF001 - the ORM's own name for the key
    sql = f"SELECT count(*) AS number FROM ({text}) AS listed"  # noqa: S608 - the ORM's own text
    return int((await get_connection("default").execute_query_dict(sql, values))[0]["number"])


@dataclass(frozen=True)
class Order:
    """The order of a list.

    ``columns``: those of an index: the one that is sorted by, and those that tell rows of the same value apart, the
    last of them unique. ``down``: descending, in all of them. ``nulls``: the first one is a time that may be null; such
    rows come last, whatever the direction. ``values``: the values of the first one in ascending order, where no index
    has the columns in this order: they are asked for one by one.
    """

    columns: tuple[str, ...] = ("created_at", "id")
    down: bool = True
    nulls: bool = False
    values: tuple[str, ...] = ()


NEWEST_FIRST: Final = Order()


async def read_page(
    rows: QuerySet[Any], order: Order, *, limit: int, at: Model | None = None, back: bool = False
) -> list[Any]:
    """Return the ``limit`` of ``rows`` that follow ``at`` in ``order``, or with ``back`` those before it.

    Without ``at`` the page begins at the first row, with ``back`` it ends at the last one. Equal values, other values
    and nulls are asked for one after the other, each from its place in the index, until the page is full.
    """
    down, found = order.down != back, list[Any]()
    by = [f"-{name}" if down else name for name in order.columns]
    for condition in _parts(order, at, down=down, back=back):
        if (lacking := limit - len(found)) > 0:
            found += await rows.filter(condition).order_by(*by).limit(lacking)
    return found[::-1] if back else found


async def narrowed(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the same rows by their ids where they are few, so that a list of them need not be read in its order.

    What makes them few has an index; a database that keeps no numbers of single values would use that of the order.
    """
    ids = [row_id for (row_id,) in await rows.limit(FEW + 1).values_list("id")]
    return rows if len(ids) > FEW else rows.model.filter(id__in=ids or [NOBODY])


def _equal(column: str, value: str) -> Q:
    condition: dict[str, Any] = {column: value}
    return Q(**condition)


def _parts(order: Order, at: Model | None, *, down: bool, back: bool) -> Iterator[Q]:
    """Yield the conditions for the parts of the list from ``at`` on."""
    first, *ties = order.columns
    filled: dict[str, Any] = {f"{first}__gte": EPOCH}
    empty: dict[str, Any] = {f"{first}__isnull": True}
    others = [Q(**filled), Q(**empty)] if order.nulls else [Q()]
    if order.values:
        others = [_equal(first, each) for each in (reversed(order.values) if order.down else order.values)]
    if at is None:
        yield from reversed(others) if back else others
        return
    value = getattr(at, first)
    if len(ties) == 1:
        yield after_values((first, value), (ties[0], at.pk), down=down)
        return
    same: dict[str, Any] = {first: value} if value is not None else empty
    time, unique = ties[-2:]
    yield Q(**same) & after_values((time, getattr(at, time)), (unique, at.pk), down=down)
    if order.values:
        rest = [each for each in order.values if (each < value if down else each > value)]
        yield from [_equal(first, each) for each in (reversed(rest) if down else rest)]
    elif value is not None:
        beyond: dict[str, Any] = {f"{first}__{'lt' if down else 'gt'}": value}
        yield Q(**beyond)
    # What has no value comes last: after all others, and before them on the way back.
    if order.nulls and (value is None) == back:
        yield others[0] if back else others[1]


def parameterized(listed: ValuesListQuery[Any]) -> tuple[str, list[Any]]:
    """Return the SQL of a query and its values; its columns are called "0", "1" and so on."""
    listed._choose_db_if_not_chosen()  # noqa: SLF001 - the ORM has no other way to say what it will ask
    listed._make_query()  # noqa: SLF001 - as above
    text, values = listed.query.get_parameterized_sql()
    return text, list(values)
