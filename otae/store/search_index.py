"""Text search indexes over groups of three letters: pg_trgm on PostgreSQL, FTS5 in SQLite.

They are created where the database offers them; without them every row is read. `search_text` queries them.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from tortoise.connection import get_connection
from tortoise.exceptions import OperationalError

from otae.store.database import dialect, transaction
from otae.store.models import Device, EnrollmentSession, Invitation, Person
from otae.store.models.base import SEARCH_TEXT, Searched

SEARCHED_TABLES: Final[tuple[type[Searched], ...]] = (Device, EnrollmentSession, Invitation, Person)
#: Rows whose text is written in one statement.
BATCH_SIZE: Final = 500

log = structlog.get_logger("otae.store")


def index_name(kind: type[Searched]) -> str:
    """Return the name of the text index of ``kind``."""
    return f"{_table(kind)}_search"


async def exists(kind: type[Searched]) -> bool:
    """Return whether ``kind`` has a text index."""
    return index_name(kind) in await _names()


async def missing() -> list[str]:
    """Return the tables without a text index."""
    there = await _names()
    return [_table(kind) for kind in SEARCHED_TABLES if index_name(kind) not in there]


async def prepare() -> None:
    """Fill in missing search texts, then create missing text indexes where the database can; safe to repeat.

    The caller holds `database.exclusive`.
    """
    if filled := await fill_search_text():
        log.info("lists can be searched whatever a text's case and diacritics", rows=filled)
    kinds = [kind for kind in SEARCHED_TABLES if index_name(kind) not in await _names()]
    if not kinds:
        return
    try:
        await (_make_on_postgres(kinds) if dialect() == "postgres" else _make_on_sqlite(kinds))
    except OperationalError as error:
        log.warning("lists are searched without an index", reason=str(error)[:200])


async def fill_search_text(limit: int | None = None) -> int:
    """Write the search text of rows that an older release wrote, before or during the update; return their number.

    Args:
        limit: stop after about this many rows of each kind; None for all.
    """
    filled = 0
    for kind in SEARCHED_TABLES:
        lacking, seen = kind.filter(search_text__isnull=True).order_by("id"), 0
        page = await lacking.limit(BATCH_SIZE)
        while page:
            await _write(kind, page)
            seen += len(page)
            if limit is not None and seen >= limit:
                break
            page = await lacking.filter(id__gt=page[-1].id).limit(BATCH_SIZE)
        filled += seen
    return filled


async def _write(kind: type[Searched], rows: Sequence[Searched]) -> None:
    """Write the search texts of ``rows``, except where another process wrote one meanwhile."""
    one, two = ("$1", "$2") if dialect() == "postgres" else ("?", "?")
    column = kind._meta.pk  # noqa: SLF001 - knows how an id is written
    change = f'UPDATE "{_table(kind)}" SET {SEARCH_TEXT} = {one} WHERE id = {two} AND {SEARCH_TEXT} IS NULL'  # noqa: S608 - names of our tables
    values = [[row.fold().search_text, column.to_db_value(row.id, row)] for row in rows]
    await get_connection("default").execute_many(change, values)


async def _names() -> set[str]:
    if dialect() == "postgres":
        sql = (
            "SELECT c.relname AS name FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid "
            "WHERE i.indisvalid AND c.relname LIKE '%\\_search' AND c.relnamespace = current_schema()::regnamespace"
        )
    else:
        sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '%\\_search' ESCAPE '\\'"
    return {row["name"] for row in await get_connection("default").execute_query_dict(sql)}


async def _make_on_postgres(kinds: list[type[Searched]]) -> None:
    connection = get_connection("default")
    if not await connection.execute_query_dict("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"):
        raise OperationalError("the database server has no extension pg_trgm")
    await connection.execute_query("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    where = (
        "SELECT n.nspname AS name FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'pg_trgm'"
    )
    [schema] = [row["name"] for row in await connection.execute_query_dict(where)]
    for kind in kinds:
        name = index_name(kind)
        # An index whose creation was interrupted exists, and is not used.
        await connection.execute_query(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
        await connection.execute_query(
            f'CREATE INDEX CONCURRENTLY "{name}" ON "{_table(kind)}" USING gin ({SEARCH_TEXT} "{schema}".gin_trgm_ops)'
        )


async def _make_on_sqlite(kinds: list[type[Searched]]) -> None:
    """Create an FTS5 table for each kind, and triggers that keep it up to date."""
    for kind in kinds:
        name, table = index_name(kind), _table(kind)
        delete = f"INSERT INTO {name}({name}, rowid, {SEARCH_TEXT}) VALUES ('delete', old.rowid, old.{SEARCH_TEXT});"  # noqa: S608 - names of our tables
        insert = f"INSERT INTO {name}(rowid, {SEARCH_TEXT}) VALUES (new.rowid, new.{SEARCH_TEXT});"  # noqa: S608 - as above
        column = f"{SEARCH_TEXT}, content = '{table}', content_rowid = 'rowid', tokenize = 'trigram case_sensitive 1'"
        async with transaction() as connection:
            for statement in (
                f"CREATE VIRTUAL TABLE {name} USING fts5({column})",
                f"CREATE TRIGGER {name}_insert AFTER INSERT ON {table} BEGIN {insert} END",
                f"CREATE TRIGGER {name}_delete AFTER DELETE ON {table} BEGIN {delete} END",
                f"CREATE TRIGGER {name}_update AFTER UPDATE OF {SEARCH_TEXT} ON {table} BEGIN {delete} {insert} END",
                f"INSERT INTO {name}({name}) VALUES ('rebuild')",  # noqa: S608 - as above
            ):
                await connection.execute_query(statement)


def _table(kind: type[Searched]) -> str:
    return str(kind._meta.db_table)  # noqa: SLF001 - the ORM's own name for it
