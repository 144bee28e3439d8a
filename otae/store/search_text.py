"""The condition for rows whose text contains a search text, whatever its case and diacritics.

Few matches are looked up through the text index (`search_index`), and the list then selects them by id. A text that
many rows contain needs no index: reading the list in its own order soon fills a page. An index of three letters cannot
find two; a search for two letters that no text contains reads every row (0.3 s of 100 000), because names of two
letters must be found. Other conditions of the list, reach above all, stand beside this one in the list's own query.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.expressions import Q

from otae.store import search_index
from otae.store.database import dialect
from otae.store.models.base import SEARCH_TEXT, Searched
from otae.text import folded

#: With more matches than this the index is not used.
MATCH_LIMIT: Final = 1000
#: An id that no row has.
NO_ID: Final = UUID(int=0)
#: Fewest letters that the text index can find.
MIN_LENGTH: Final = 3


async def contains(kind: type[Searched], text: str, *, key: str = "id", path: str = "") -> Q:
    """Return the condition for rows whose text contains ``text``, whatever its case and diacritics; all rows for "".

    Args:
        kind: the table that is searched.
        key: field of the queried table with the id of the row of ``kind``.
        path: prefix of that row's fields in the query, such as "person__".
    """
    wanted = folded(text)
    return condition_for(await matching_ids(kind, text), wanted, key=key, path=path) if wanted else Q()


def condition_for(ids: Sequence[UUID] | None, text: str, *, key: str = "id", path: str = "") -> Q:
    """Return the condition for ``ids``, the result of `matching_ids` for ``text``; other arguments as `contains`."""
    wanted: dict[str, Any] = {f"{path}{SEARCH_TEXT}__contains": folded(text)}
    if ids is not None:
        wanted = {f"{key}__in": list(ids) or [NO_ID]}
    return Q(**wanted)


async def matching_ids(kind: type[Searched], text: str) -> list[UUID] | None:
    """Return the ids of the rows whose text contains ``text``; None for too many matches, or without a usable index."""
    wanted = folded(text)
    if len(wanted) < MIN_LENGTH or not await search_index.exists(kind):
        return None
    table = kind._meta.db_table  # noqa: SLF001 - the ORM's own name for it
    if dialect() == "postgres":
        # MATERIALIZED: with the LIMIT in view, the planner would read the table from its beginning instead.
        sql = (
            f'WITH found AS MATERIALIZED (SELECT id FROM "{table}" WHERE {SEARCH_TEXT} LIKE $1) '  # noqa: S608 - names of our tables
            f"SELECT id FROM found LIMIT {MATCH_LIMIT + 1}"
        )
        for special in "\\%_":
            wanted = wanted.replace(special, f"\\{special}")
        values = [f"%{wanted}%"]
    else:
        index = search_index.index_name(kind)
        sql = (
            f'SELECT "{table}".id AS id FROM "{index}" JOIN "{table}" ON "{table}".rowid = "{index}".rowid '  # noqa: S608 - as above
            f'WHERE "{index}" MATCH ? LIMIT {MATCH_LIMIT + 1}'
        )
        quoted = wanted.replace('"', '""')
        values = [f'"{quoted}"']
    rows = await get_connection("default").execute_query_dict(sql, values)
    return None if len(rows) > MATCH_LIMIT else [UUID(str(row["id"])) for row in rows]
