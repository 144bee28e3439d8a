"""All that the database holds, to compare before and after."""

from tortoise.connection import get_connection

from otae.store import models


async def dump() -> dict[str, list[str]]:
    """Return every row of every table."""
    connection = get_connection("default")
    tables = [getattr(models, name)._meta.db_table for name in models.__all__]  # noqa: SLF001 - the ORM's only way
    return {
        table: sorted(str(dict(row)) for row in await connection.execute_query_dict(f'SELECT * FROM "{table}"'))  # noqa: S608 - names of our own tables
        for table in tables
    }
