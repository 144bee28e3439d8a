"""The condition under which rows are found by a part of their text, whatever its case and diacritics.

Few matches are looked up through the text index first, and the list then takes them by their ids. A text that many rows
hold needs no index: a list that is walked in its own order meets a page of them soon. Two letters stand in no index of
three: who searches for two that nobody's text holds has every row read (0.3 s of 100 000), as names of two letters must
be found. Whatever else narrows the list, reach above all, stands beside the condition in the list's own query.
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

#: More rows than this hold a text: it is common.
COMMON: Final = 1000
#: The id that no row has.
NOBODY: Final = UUID(int=0)
#: Letters that an index of groups of three letters can look for.
SHORTEST: Final = 3


async def holds(kind: type[Searched], text: str, *, key: str = "id", path: str = "") -> Q:
    """Return the condition under which a row's text holds ``text``, folded alike; nothing narrows nothing.

    ``key``: the field that holds the id of the row of ``kind``; ``path``: what leads to that row, such as "person__".
    """
    wanted = folded(text)
    return narrowed(await matches(kind, text), wanted, key=key, path=path) if wanted else Q()


def narrowed(ids: Sequence[UUID] | None, text: str, *, key: str = "id", path: str = "") -> Q:
    """Return the condition for what `matches` returned for ``text``; the rest as `holds`."""
    wanted: dict[str, Any] = {f"{path}{SEARCH_TEXT}__contains": folded(text)}
    if ids is not None:
        wanted = {f"{key}__in": list(ids) or [NOBODY]}
    return Q(**wanted)


async def matches(kind: type[Searched], text: str) -> list[UUID] | None:
    """Return the ids of all rows whose text holds ``text``; None when there are many, or no index that would help."""
    wanted = folded(text)
    if len(wanted) < SHORTEST or not await search_index.is_there(kind):
        return None
    table = kind._meta.db_table  # noqa: SLF001 - the ORM's own name for it
    if dialect() == "postgres":
        # All matches are planned for: for the first few alone it would rather read the table from its beginning.
        question = (
            f'WITH found AS MATERIALIZED (SELECT id FROM "{table}" WHERE {SEARCH_TEXT} LIKE $1) '  # noqa: S608 - names of our tables
            f"SELECT id FROM found LIMIT {COMMON + 1}"
        )
        for special in "\\%_":
            wanted = wanted.replace(special, f"\\{special}")
        values = [f"%{wanted}%"]
    else:
        index = search_index.name_of(kind)
        question = (
            f'SELECT "{table}".id AS id FROM "{index}" JOIN "{table}" ON "{table}".rowid = "{index}".rowid '  # noqa: S608 - as above
            f'WHERE "{index}" MATCH ? LIMIT {COMMON + 1}'
        )
        quoted = wanted.replace('"', '""')
        values = [f'"{quoted}"']
    rows = await get_connection("default").execute_query_dict(question, values)
    return None if len(rows) > COMMON else [UUID(str(row["id"])) for row in rows]
