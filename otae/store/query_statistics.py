"""Statistics for SQLite's query planner: runs ANALYZE on tables that have grown.

Without statistics SQLite assumes that few rows meet "no rehearsal", reads the whole table through that index and sorts
it for one page of a list. PostgreSQL collects its own. Tables are analyzed one at a time, so that writers wait for one
at most, and again when they have doubled.
"""

from typing import Final

from tortoise.connection import get_connection

from otae.store.database import dialect

#: Smaller tables need no statistics: every query plan is good enough.
MIN_ROWS: Final = 1000
_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"


async def refresh() -> list[str]:
    """Analyze the tables that have doubled since they were analyzed, and return their names; none on PostgreSQL."""
    if dialect() != "sqlite":
        return []
    fetch = get_connection("default").execute_query_dict
    tables = {str(row["name"]) for row in await fetch(_TABLES)}
    known: dict[str, int] = {}
    if "sqlite_stat1" in tables:
        for row in await fetch("SELECT tbl, max(CAST(stat AS INTEGER)) AS number FROM sqlite_stat1 GROUP BY tbl"):
            known[row["tbl"]] = row["number"]
    analyzed = []
    for table in sorted(table for table in tables if not table.startswith("sqlite_") and "_search" not in table):
        [row] = await fetch(f'SELECT max(rowid) AS number FROM "{table}"')  # noqa: S608 - names of our tables
        if (row["number"] or 0) > max(MIN_ROWS, 2 * known.get(table, 0)):
            await fetch(f'ANALYZE "{table}"')
            analyzed.append(table)
    return analyzed
