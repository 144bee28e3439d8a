"""Compares the database's tables, columns and indexes with those of this release's models.

The list of migrations that were run is no proof: a table can be changed by hand, or restored from another release.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tortoise.connection import get_connection
from tortoise.indexes import Index
from tortoise.models import Model

from otae.errors import CannotStart
from otae.store import models
from otae.store.database import dialect

#: Advice to the operator when a table differs; every migration has been run by then.
REPAIR_ADVICE = (
    "Every migration was run, so somebody or something changed the tables afterwards: "
    "restore the newest backup into an empty database."
)

_COLUMNS = {
    "postgres": """
        SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
        WHERE table_schema = current_schema()""",
    "sqlite": """
        SELECT m.name AS "table", c.name AS "column" FROM sqlite_schema m, pragma_table_info(m.name) c
        WHERE m.type = 'table'""",
}
_INDEXES = {
    "postgres": """
        SELECT t.relname AS "table", i.indexrelid AS number, a.attname AS "column"
        FROM pg_index i
        JOIN pg_class t ON t.oid = i.indrelid
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attribute, place)
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attribute
        WHERE t.relnamespace = current_schema()::regnamespace AND i.indisvalid AND k.place <= i.indnkeyatts
        ORDER BY i.indexrelid, k.place""",
    "sqlite": """
        SELECT m.name AS "table", l.name AS number, c.name AS "column"
        FROM sqlite_schema m, pragma_index_list(m.name) l, pragma_index_info(l.name) c
        WHERE m.type = 'table' ORDER BY l.name, c.seqno""",
}


@dataclass(frozen=True)
class Differences:
    """What the database lacks, as texts. ``missing``: required tables and columns; ``slow``: indexes."""

    missing: tuple[str, ...]
    slow: tuple[str, ...]


async def compare() -> Differences:
    """Return what the connected, migrated database lacks of the models."""
    connection = get_connection("default")
    columns: dict[str, set[str]] = {}
    for row in await connection.execute_query_dict(_COLUMNS[dialect()]):
        columns.setdefault(row["table"], set()).add(row["column"])
    indexes: dict[tuple[str, object], tuple[str, ...]] = {}
    for row in await connection.execute_query_dict(_INDEXES[dialect()]):
        key = (row["table"], row["number"])
        indexes[key] = (*indexes.get(key, ()), row["column"])
    there = {(table, names) for (table, _), names in indexes.items()}
    missing, slow = [], []
    for table, expected in _tables().items():
        if table not in columns:
            missing.append(f"table {table}")
            continue
        missing += [f"column {table}.{column}" for column in expected.columns if column not in columns[table]]
        slow += [f"index on {table} ({', '.join(names)})" for names in expected.indexes if (table, names) not in there]
    return Differences(tuple(missing), tuple(slow))


async def require_tables() -> None:
    """Check that every table and column of this release is there.

    Raises:
        CannotStart: some are missing; names them.
    """
    missing = (await compare()).missing
    if missing:
        raise CannotStart(f"the database lacks what this release needs: {', '.join(missing)}. {REPAIR_ADVICE}")


@dataclass(frozen=True)
class _ExpectedTable:
    columns: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]


@cache
def _tables() -> dict[str, _ExpectedTable]:
    kinds: list[type[Model]] = [getattr(models, name) for name in models.__all__]
    return {
        kind._meta.db_table: _ExpectedTable(  # noqa: SLF001 - where the ORM keeps it
            tuple(kind._meta.fields_db_projection.values()),  # noqa: SLF001 - as above
            tuple(dict.fromkeys(_indexes(kind))),
        )
        for kind in kinds
    }


def _indexes(kind: type[Model]) -> Iterator[tuple[str, ...]]:
    """Yield the columns of each index; an index over an expression has none and is checked by the migrations' tests."""
    meta = kind._meta  # noqa: SLF001 - as above
    for name, column in meta.fields_db_projection.items():
        field = meta.fields_map[name]
        if (field.index or field.unique) and not field.pk:
            yield (column,)
    for group in (*meta.indexes, *meta.unique_together):
        names = group.fields if isinstance(group, Index) else group
        if names:
            yield tuple(_column(kind, name) for name in names)


def _column(kind: type[Model], name: str) -> str:
    """Return the column of a field; an index may name a foreign key by its field or by its column."""
    meta = kind._meta  # noqa: SLF001 - as above
    return (
        str(meta.fields_map[name].source_field or name) if name in meta.fk_fields else meta.fields_db_projection[name]
    )
