"""What SQLite knows of its tables when it chooses a query's way: how many rows an index leaves, as ANALYZE counts them.

Without it SQLite takes "no rehearsal" for a condition that few rows meet, reads the whole table through that index and
sorts it for one page of a list. PostgreSQL counts by itself. A table at a time is counted, so that nobody who writes
waits for more than one; each again when it has grown to twice its size.
"""

from typing import Final

from tortoise.connection import get_connection

from otae.store.database import dialect

#: With fewer rows no way is a bad one.
FEW: Final = 1000
_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"


async def refresh() -> list[str]:
    """Count the tables that have grown since they were counted, and return which; nothing on PostgreSQL."""
    if dialect() != "sqlite":
        return []
    ask = get_connection("default").execute_query_dict
    tables = {str(row["name"]) for row in await ask(_TABLES)}
    known: dict[str, int] = {}
    if "sqlite_stat1" in tables:
        for row in await ask("SELECT tbl, max(CAST(stat AS INTEGER)) AS number FROM sqlite_stat1 GROUP BY tbl"):
            known[row["tbl"]] = row["number"]
    counted = []
    for table in sorted(table for table in tables if not table.startswith("sqlite_") and "_search" not in table):
        [row] = await ask(f'SELECT max(rowid) AS number FROM "{table}"')  # noqa: S608 - names of our tables
        if (row["number"] or 0) > max(FEW, 2 * known.get(table, 0)):
            await ask(f'ANALYZE "{table}"')
            counted.append(table)
    return counted
