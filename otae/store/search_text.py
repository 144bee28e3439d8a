"""The condition for rows whose text contains a search text, whatever its case and diacritics.

Few matches are looked up through the text index (`search_index`), and the list then selects them by id. A text that
many rows contain needs no index: reading the list in its own order soon fills a page. An index of three letters cannot
find two; a search for two letters that no text contains reads every row (0.3 s of 100 000), because names of two
letters must be found. Other conditions of the list, reach above all, stand beside this one in the list's own query.
"""

import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.store import search_index
from otae.store.database import dialect
from otae.store.models.base import SEARCH_TEXT, Searched
from otae.store.paging import parameterized
from otae.text import folded

#: With more matches than this the index is not used.
MATCH_LIMIT: Final = 1000
#: Of so many rows the newest matches of a text are taken that more than MATCH_LIMIT rows contain.
RECENT: Final = 2000
#: Of so many rows before the index is asked.
PROBED: Final = 500
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
    ids = await _look_up(kind, [wanted])
    return None if len(ids) > MATCH_LIMIT else ids


async def first_ids(kind: type[Searched], text: str) -> list[UUID]:
    """Return the ids of rows whose text contains ``text``, newest first: of all of them, or of MATCH_LIMIT + 1.

    Of a text of two letters, which an index of three letters cannot find, only the beginnings of words count; one
    letter is not looked up. Without an index nothing is found (`otae doctor` says so).
    """
    wanted = folded(text)
    if len(wanted) < MIN_LENGTH - 1 or not await search_index.exists(kind):
        return []
    return await _look_up(kind, [wanted] if len(wanted) >= MIN_LENGTH else [f"\n{wanted}", f" {wanted}"])


async def newest_ids(rows: QuerySet[Any], text: str, limit: int, *, among: int = RECENT) -> list[UUID]:
    """Return the ids of at most ``limit`` of the newest ``among`` of ``rows`` whose text contains ``text``.

    For a text that very many rows contain: each is found through no index, and the first ones soon.
    """
    newest, values = parameterized(rows.order_by("-created_at").limit(among).values_list("id", SEARCH_TEXT))
    contains = f'strpos("1", ${len(values) + 1})' if dialect() == "postgres" else 'instr("1", ?)'
    sql = f'SELECT "0" AS id FROM ({newest}) AS newest WHERE {contains} > 0 LIMIT {limit}'  # noqa: S608 - the ORM's own text
    found = await get_connection("default").execute_query_dict(sql, [*values, folded(text)])
    return [UUID(str(row["id"])) for row in found]


async def _look_up(kind: type[Searched], parts: Sequence[str]) -> list[UUID]:
    """Return the ids of rows whose text contains one of ``parts``: of at most MATCH_LIMIT + 1, newest first."""
    table = kind._meta.db_table  # noqa: SLF001 - the ORM's own name for it
    made = "created_at" if "created_at" in kind._meta.fields_map else "opened_at"  # noqa: SLF001 - as above
    if dialect() == "postgres":
        # MATERIALIZED: with the LIMIT in view, the planner would read the table from its beginning instead.
        alike = " OR ".join(f"{SEARCH_TEXT} LIKE ${at}" for at, _ in enumerate(parts, 1))
        sql = (
            f'WITH found AS MATERIALIZED (SELECT id, {made} FROM "{table}" WHERE {alike}) '  # noqa: S608 - names of our tables
            f"SELECT id FROM (SELECT * FROM found LIMIT {MATCH_LIMIT + 1}) AS few ORDER BY {made} DESC"
        )
        values = ["%" + re.sub(r"([%_\\])", r"\\\1", part) + "%" for part in parts]
    else:
        index = search_index.index_name(kind)
        # +: not in the order of an index, which would be read from its beginning
        sql = (
            f'SELECT id FROM "{table}" WHERE rowid IN (SELECT rowid FROM "{index}" WHERE "{index}" MATCH ? '  # noqa: S608 - as above
            f"LIMIT {MATCH_LIMIT + 1}) ORDER BY +{made} DESC"
        )
        quoted = [part.replace('"', '""') for part in parts]
        values = [" OR ".join(f'"{part}"' for part in quoted)]
    return [UUID(str(row["id"])) for row in await get_connection("default").execute_query_dict(sql, values)]
