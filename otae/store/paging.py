"""Where the next page of a list begins, and how far a list is counted.

A page begins behind the last row that was seen, found through the list's own index.

The first column is compared by itself as well, so that a database begins to read there. "Before this one, or as old and
of a smaller id" alone says the same, and is read from the beginning of the table.
"""

from typing import Any, Final

from tortoise.connection import get_connection
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

#: Counts on pages end here: "10 000+".
MOST_COUNTED: Final = 10_000


def behind(first: tuple[str, object], second: tuple[str, object], *, down: bool = False) -> Q:
    """Return the condition under which a row comes behind these values of the two columns it is ordered by.

    ``down``: the list begins with the largest.
    """
    (one, place), (two, further) = first, second
    beyond = "lt" if down else "gt"
    start: dict[str, Any] = {f"{one}__{beyond}e": place}
    past: dict[str, Any] = {f"{one}__{beyond}": place}
    along: dict[str, Any] = {f"{two}__{beyond}": further}
    return Q(**start) & (Q(**past) | Q(**along))


def older(last: Model | None, column: str = "created_at") -> Q:
    """Return the condition under which a row of a list "newest first" comes behind ``last``; None: every row does."""
    if last is None:
        return Q()
    return behind((column, getattr(last, column)), ("id", last.pk), down=True)


async def counted(rows: QuerySet[Any]) -> int:
    """Return how many ``rows`` there are, one more than MOST_COUNTED for any number beyond."""
    listed = rows.limit(MOST_COUNTED + 1).values_list("id")
    listed._choose_db_if_not_chosen()  # noqa: SLF001 - the ORM counts everything, whatever the limit
    listed._make_query()  # noqa: SLF001 - as above
    text, values = listed.query.get_parameterized_sql()
    question = f"SELECT count(*) AS number FROM ({text}) AS listed"  # noqa: S608 - the ORM's own text
    return int((await get_connection("default").execute_query_dict(question, values))[0]["number"])
