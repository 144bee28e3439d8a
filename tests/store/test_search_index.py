"""The text indexes: filled for rows of an older release, made where the database can, and never necessary."""

import pytest
from tortoise.connection import get_connection

from otae.settings import Settings
from otae.store import database, search_index, search_text
from otae.store.models import Device, Person
from tests.desks import make_settings, prepare
from tests.servers.postgres import PostgresServer
from tests.store.searched import NOW, found, person

pytestmark = pytest.mark.anyio


async def test_texts_that_an_older_release_did_not_write_are_written(settings: Settings) -> None:
    async with database.connected(settings):
        rows = [person(f"person{number}", f"Żak {number}") for number in range(search_index.BATCH_SIZE + 2)]
        await Person.bulk_create([*rows, person("ben", "Łukasz")])
        await Device(udid="u", name="Łódź", created_at=NOW, seen_at=NOW).save()
        for kind in (Person, Device):
            await kind.all().update(search_text=None)
        assert await found("lukasz") == []
        assert await search_index.fill_search_text(limit=search_index.BATCH_SIZE) == search_index.BATCH_SIZE + 1
        assert await search_index.fill_search_text() == 3
        assert await search_index.fill_search_text() == 0
        assert len(await found("zak")) == len(rows)
        assert await found("lukasz") == ["ben"]
        assert [row.udid for row in await Device.filter(await search_text.contains(Device, "LODZ"))] == ["u"]


async def test_without_an_index_rows_are_found_all_the_same_and_it_is_made_when_it_can(settings: Settings) -> None:
    async with database.connected(settings):
        await person("ben", "Łukasz").save()
        assert await search_index.missing() == []
        connection = get_connection("default")
        if database.dialect() == "postgres":
            await connection.execute_query("DROP EXTENSION pg_trgm CASCADE")
        else:
            for event in ("insert", "update", "delete"):
                await connection.execute_query(f"DROP TRIGGER person_search_{event}")
            await connection.execute_query("DROP TABLE person_search")
        assert "person" in await search_index.missing()
        assert await found("lukasz") == ["ben"]
        await person("cleo", "Łucja").save()
    await prepare(settings)
    async with database.connected(settings):
        assert await search_index.missing() == []
        assert await found("luc") == ["cleo"]
        assert await found("luk") == ["ben"]


async def test_a_role_that_may_make_no_extension_is_warned_of_and_goes_on(
    postgres: PostgresServer, postgres_settings: Settings
) -> None:
    assert postgres_settings.database_url is not None
    url = postgres_settings.database_url.get_secret_value()
    name = url.rpartition("/")[2]
    postgres.run_sql("DROP EXTENSION pg_trgm CASCADE", name)
    postgres.run_sql(
        f"CREATE ROLE {name} LOGIN PASSWORD 'clerk'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}", name
    )
    clerk = url.replace(f"{postgres.user}:{postgres.password}", f"{name}:clerk")
    try:
        environ = {"DATABASE_URL": clerk, "PUBLIC_URL": postgres_settings.public_url}
        async with database.connected(make_settings(postgres_settings.home, **environ)):
            await search_index.prepare()
            assert await search_index.missing() == ["device", "enrollment_session", "invitation", "person"]
            await person("ben", "Łukasz").save()
            assert await found("lukasz") == ["ben"]
    finally:
        postgres.run_sql(f"DROP OWNED BY {name}; DROP ROLE {name}", name)
