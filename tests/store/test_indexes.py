"""The indexes that the tables have are those that the models name, and none is missing that a foreign key needs."""

import pytest
from tortoise.connection import get_connection
from tortoise.models import Model

from otae.settings import Settings
from otae.store import database, models

pytestmark = pytest.mark.anyio

#: Made by hand: what a model cannot say. Table → columns, in what a migration made with a condition.
CONDITIONAL = {
    "certificate": {("purpose",)},
    "delivery": {("invitation_id",)},
    "device": {("id",)},
    "enrollment_session": {("id",), ("invitation_id",)},
    "invitation": {
        ("card_code_hash",),
        ("deleted_at",),
        ("go_code_hash",),
        ("id",),
        ("objection_hash",),
        ("replaced_token_hash",),
    },
    "notification_server": {("kind",)},
    "person": {("id",), ("removed_at",)},
    "pin": {("invitation_id",)},
}
#: Made by hand because its rows had to be filled before they could be told apart.
UNIQUE = {"invitation": {("support_code",)}}
OF_POSTGRES = """
SELECT t.relname AS name, i.indisvalid AS valid, i.indpred IS NOT NULL AS conditional,
       (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, false), ',' ORDER BY n)
        FROM generate_series(1, i.indnkeyatts) n) AS columns
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace s ON s.oid = t.relnamespace
WHERE s.nspname = 'public'
"""
OF_SQLITE = """
SELECT l.name AS name, 1 AS valid, i.partial AS conditional,
       (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) AS columns
FROM sqlite_schema l JOIN pragma_index_list(l.name) i WHERE l.type = 'table'
"""


def column(model: type[Model], name: str) -> str:
    field = model._meta.fields_map[name]  # noqa: SLF001 - the ORM's own description of a table
    return field.source_field or name


def named(model: type[Model]) -> set[tuple[str, ...]]:
    """Return the columns of each index that a model names, unique ones among them, apart from its key."""
    meta = model._meta  # noqa: SLF001 - the ORM's own description of a table
    single = {(column(model, name),) for name, field in meta.fields_map.items() if field.index or field.unique}
    several = [*meta.unique_together, *(each for each in meta.indexes if isinstance(each, tuple))]
    return (single | {tuple(column(model, name) for name in each) for each in several}) - {(meta.db_pk_column,)}


async def found(*, conditional: bool) -> dict[str, set[tuple[str, ...]]]:
    """Return the columns of each index that can be used, by table."""
    asked = OF_POSTGRES if database.dialect() == "postgres" else OF_SQLITE
    indexes: dict[str, set[tuple[str, ...]]] = {}
    for row in await get_connection("default").execute_query_dict(asked):
        assert row["valid"], row
        if bool(row["conditional"]) == conditional:
            columns = tuple(name.strip('"') for name in row["columns"].split(","))
            indexes.setdefault(row["name"], set()).add(columns)
    return indexes


async def test_the_tables_have_the_indexes_that_the_models_name(settings: Settings) -> None:
    async with database.connected(settings):
        there, conditional = await found(conditional=False), await found(conditional=True)
        for name in models.__all__:
            model = getattr(models, name)
            table = model._meta.db_table  # noqa: SLF001 - the ORM's own description of a table
            searched = {("search_text",)} if database.dialect() == "postgres" and "searched" in vars(model) else set()
            key = {(model._meta.db_pk_column,)}  # noqa: SLF001 - as above
            assert there.get(table, set()) - searched - key == named(model) | UNIQUE.get(table, set()), name
            assert conditional.get(table, set()) == CONDITIONAL.get(table, set()), name


@pytest.mark.parametrize("name", models.__all__)
def test_a_foreign_key_is_the_first_column_of_an_index(name: str, sqlite_settings: Settings) -> None:
    model = getattr(models, name)
    keys = {column(model, key) for key in (*model._meta.fk_fields, *model._meta.o2o_fields)}  # noqa: SLF001 - the ORM's own description of a table
    assert keys <= {columns[0] for columns in named(model)}
