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
#: Which of some names people have, by one look through all of them; {} is the list of parameters.
_HELD: Final = {
    "sqlite": "SELECT DISTINCT key AS name FROM person, json_each(person.properties) WHERE key IN ({})",
    "postgres": "SELECT DISTINCT key AS name FROM person, jsonb_object_keys(properties) AS held(key) WHERE key IN ({})",
}


async def list_names() -> list[str]:
    """Return the names of properties that people have or that directories are asked for, sorted."""
    rows = await get_connection("default").execute_query_dict(_LIST[dialect()])
    return sorted({*await _from_directories(), *(row["name"] for row in rows)} - {DISABLED_IN_DIRECTORY})


async def unknown_names(names: Iterable[str]) -> set[str]:
    """Return the unknown ones of ``names``: no person has such a property, and no directory is asked for it."""
    if not (wanted := set(names)):
        return wanted
    unknown = sorted(wanted - set(await list_names()))
    if not unknown:
        return set()
    parameters = ", ".join(f"${number}" if dialect() == "postgres" else "?" for number in range(1, len(unknown) + 1))
    rows = await get_connection("default").execute_query_dict(_HELD[dialect()].format(parameters), unknown)
    return set(unknown) - ({row["name"] for row in rows} - {DISABLED_IN_DIRECTORY})


async def _from_directories() -> set[str]:
    rows = await DirectoryServer.all().values_list("attributes", flat=True)
    return {name.lower() for attributes in rows for name in str(attributes).split()}
