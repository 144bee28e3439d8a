"""Selecting and updating rows by simple conditions, with SQL texts that are built once and cached.

The ORM builds a query's text at every call, which costs more than the query. On the paths that every Mac takes, these
statements replace it, with the same tables, connection and conversions. Only the names of our tables and columns are in
the text; every value is a parameter.

A condition is ``column=value``; None means IS NULL, ``column__in`` one of a tuple, ``column__gt`` a greater value.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

from tortoise.connection import get_connection
from tortoise.models import Model

from otae.store.database import dialect
from otae.store.models.base import SEARCH_TEXT, Searched

_Row = TypeVar("_Row", bound=Model)
#: Column, operator, and number of values; operator "": IS NULL.
_Condition = tuple[str, str, int]


async def one(kind: type[_Row], *, lock: bool = False, **equal: object) -> _Row | None:
    """Return the one row that meets the conditions, None without any.

    Args:
        lock: lock the row until the transaction ends (SELECT … FOR UPDATE).
    """
    found = await several(kind, lock=lock, **equal)
    return found[0] if found else None


async def several(kind: type[_Row], *, lock: bool = False, **equal: object) -> list[_Row]:
    """Return the rows that meet the conditions, in no particular order; ``lock`` as in `one`."""
    conditions, values = _split(kind, equal)
    _, rows = await get_connection("default").execute_query(_select(kind, dialect(), conditions, lock), values)
    return [kind._init_from_db(**dict(row)) for row in rows]  # noqa: SLF001 - what the ORM itself makes rows with


async def change(kind: type[Model], changes: Mapping[str, object], **equal: object) -> int:
    """Set columns to values in every row that meets the conditions; return the number of rows.

    Raises:
        TypeError: the change affects the row's search text, which is not among ``changes``.
    """
    if issubclass(kind, Searched) and kind.touches(changes) and SEARCH_TEXT not in changes:
        raise TypeError(f"{kind.__name__} is found by what is changed here: use with_search_text")
    conditions, values = _split(kind, equal)
    fields = kind._meta.fields_map  # noqa: SLF001 - where the ORM keeps how a column's values are written
    new = [fields[name].to_db_value(value, kind) for name, value in changes.items()]
    text = _update(kind, dialect(), tuple(changes), conditions)
    changed, _ = await get_connection("default").execute_query(text, [*new, *values])
    return changed


def _split(kind: type[Model], equal: Mapping[str, object]) -> tuple[tuple[_Condition, ...], list[object]]:
    conditions: list[_Condition] = []
    values: list[object] = []
    for name, value in equal.items():
        column, _, operator = name.partition("__")
        field = kind._meta.fields_map[column]  # noqa: SLF001 - as above; KeyError for what is no column
        given = list(value) if operator == "in" and isinstance(value, tuple) else [value]
        if value is None:
            conditions.append((column, "", 0))
            continue
        conditions.append((column, {"": "=", "gt": ">", "in": "IN"}[operator], len(given)))
        values += [field.to_db_value(each, kind) for each in given]
    return tuple(conditions), values


@lru_cache(maxsize=200)
def _select(kind: type[Model], engine: str, conditions: tuple[_Condition, ...], lock: bool) -> str:  # noqa: FBT001 - hidden in this module
    for_update = " FOR UPDATE" if lock and engine == "postgres" else ""  # SQLite lets nobody else write meanwhile
    table = kind._meta.db_table  # noqa: SLF001 - as above
    return f'SELECT * FROM "{table}" WHERE {_where(engine, conditions, 1)}{for_update}'  # noqa: S608 - names of our tables


@lru_cache(maxsize=200)
def _update(kind: type[Model], engine: str, changes: tuple[str, ...], conditions: tuple[_Condition, ...]) -> str:
    new = ", ".join(f'"{name}" = {_parameter(engine, number)}' for number, name in enumerate(changes, 1))
    where = _where(engine, conditions, len(changes) + 1)
    return f'UPDATE "{kind._meta.db_table}" SET {new} WHERE {where}'  # noqa: S608, SLF001 - names of our tables


def _where(engine: str, conditions: tuple[_Condition, ...], first: int) -> str:
    parts: list[str] = []
    for column, operator, size in conditions:
        parameters = ", ".join(_parameter(engine, first + number) for number in range(size))
        first += size
        parts.append(f'"{column}" IS NULL' if not operator else f'"{column}" {operator} ({parameters})')
    return " AND ".join(parts)


def _parameter(engine: str, number: int) -> str:
    return f"${number}" if engine == "postgres" else "?"
