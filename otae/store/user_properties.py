"""The names of people's properties: those that exist, and which of some names are unknown. No values are read here."""

from collections.abc import Iterable
from typing import Final

from tortoise.connection import get_connection

from otae.store.database import dialect
from otae.store.models import DirectoryServer

#: Property of people whom their directory disabled: only these are enabled again when the directory does so.
DISABLED_IN_DIRECTORY: Final = "disabled-in-directory"
#: People with properties whose names are listed: enough to choose from, and read at once however many people there are.
_READ: Final = 5_000

_FEW: Final = f"(SELECT properties FROM person WHERE properties <> '{{}}' LIMIT {_READ}) AS few"  # noqa: S608 - a number
_LIST: Final = {
    "sqlite": f"SELECT DISTINCT key AS name FROM {_FEW}, json_each(few.properties)",  # noqa: S608 - as above
    "postgres": f"SELECT DISTINCT name FROM {_FEW}, jsonb_object_keys(few.properties) AS name",  # noqa: S608 - as above
}
_ANYBODY: Final = {
    "sqlite": """SELECT 1 FROM person WHERE json_type(properties, '$."' || ? || '"') IS NOT NULL LIMIT 1""",
    "postgres": "SELECT 1 FROM person WHERE jsonb_exists(properties, $1) LIMIT 1",
}


async def list_names() -> list[str]:
    """Return the names of properties that people have or that directories are asked for, sorted."""
    rows = await get_connection("default").execute_query_dict(_LIST[dialect()])
    return sorted({*await _from_directories(), *(row["name"] for row in rows)} - {DISABLED_IN_DIRECTORY})


async def without_anybody(names: Iterable[str]) -> set[str]:
    """Return the unknown ones of ``names``: no person has such a property, and no directory is asked for it."""
    if not (unknown := set(names)):
        return unknown
    unknown -= await _from_directories()
    query = get_connection("default").execute_query_dict
    return {name for name in unknown if name == DISABLED_IN_DIRECTORY or not await query(_ANYBODY[dialect()], [name])}


async def _from_directories() -> set[str]:
    rows = await DirectoryServer.all().values_list("attributes", flat=True)
    return {name.lower() for attributes in rows for name in str(attributes).split()}
