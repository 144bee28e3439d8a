"""Rows are found by a part of their text whatever its case and diacritics, and every way to write them keeps it up."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tortoise.connection import get_connection

from otae.settings import Settings
from otae.store import database, search_index, search_text, statements
from otae.store.models import Device, Person
from tests.desks import make_settings, prepare
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
async def connected(settings: Settings, anyio_backend: str) -> AsyncIterator[None]:
    async with database.connected(settings):
        yield


def person(name: str, display_name: str = "", email: str | None = None) -> Person:
    return Person(name=name, display_name=display_name or name, email=email, created_at=NOW)


async def found(text: str) -> list[str]:
    rows = await Person.filter(await search_text.contains(Person, text)).order_by("name")
    return [row.name for row in rows]


#: What is searched for, and who is found.
CASES: tuple[tuple[str, list[str]], ...] = (
    ("lukasz", ["lk"]), ("ŁUKASZ", ["lk"]), ("Łukasz Żak", ["lk"]), ("zak", ["lk"]), ("müller", ["jm"]),
    ("Mueller", []), ("MULLER", ["jm"]), ("@EXAMPLE.test", ["jm", "lk"]), ("strasse", ["ss"]), ("Straße", ["ss"]),
    ("100%", ["ss"]), ("%", ["ss"]), ("_", ["ss"]), ("\\", ["ss"]), ('"q"', ["ss"]), ("'", ["ss"]),
    ("ßE 1", ["ss"]), ("lk", ["lk"]), ("k", ["lk"]), ("\u200b \t", ["jm", "lk", "ss"]), ("zak\nlk", []),
    ("nobody", []),         ("\u5c71\u7530 \u592a\u90ce", []), ("l*k", []), ("a OR b", []), ("𝓩𝓪𝓴", ["lk"]),
)  # fmt: skip


async def test_a_part_of_a_text_is_found(connected: None) -> None:
    await person("lk", "Łukasz Żak", "l@example.test").save()
    rows = [person("jm", "Jörg Müller", "J.M@Example.Test"), person("ss", 'Straße 1 "Q" \\ 100%_\'')]
    await Person.bulk_create(rows)
    assert {text: await found(text) for text, _ in CASES} == dict(CASES)


async def test_every_way_to_change_a_row_changes_its_text(connected: None) -> None:
    ben = person("ben", "Ben")
    await ben.save()
    ben.display_name = "Łukasz"
    await ben.save()
    assert await found("lukasz") == ["ben"]
    ben.display_name = "Öz"
    await ben.save(update_fields=["display_name"])
    assert await found("oz") == ["ben"]
    assert await found("lukasz") == []
    ben.email = "zażółć@example.test"
    await Person.bulk_update([ben], ["email"])
    assert await found("zazolc") == ["ben"]
    await Person.filter(id=ben.id).update(**ben.with_search_text({"display_name": "Ćma", "disabled": True}))
    assert await found("cma") == ["ben"]
    assert await found("oz") == []
    await ben.delete()
    assert await found("cma") == []


async def test_a_change_of_rows_that_nobody_read_changes_their_texts(connected: None) -> None:
    await Person.bulk_create([person("ben"), person("cleo"), person("dora")])
    assert await Person.filter(name__in=["ben", "cleo"]).update(display_name="Łukasz") == 2
    assert await found("lukasz") == ["ben", "cleo"]
    assert await found("ben") == ["ben"]
    assert await Person.exclude(name="ben").filter(display_name="Łukasz").update(display_name="Žofie") == 1
    assert (await found("lukasz"), await found("zofie")) == (["ben"], ["cleo"])
    assert await Person.filter(name="nobody").update(display_name="Łukasz") == 0
    assert await Person.all().update(display_name="Žofie") == await Person.all().count()
    assert await Person.filter(name="ben").update(disabled=True) == 1
    ben = await Person.get(name="ben")
    with pytest.raises(TypeError, match="with_search_text"):
        await statements.change(Person, {"email": "b@example.test"}, id=ben.id)
    await statements.change(Person, ben.with_search_text({"email": "ż@example.test"}), id=ben.id)
    assert await found("z@example") == ["ben"]


async def test_a_text_that_many_rows_hold_is_found_in_all_of_them(
    connected: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Person.bulk_create([person(f"person{number}") for number in range(30)])
    monkeypatch.setattr(search_text, "MATCH_LIMIT", 20)
    assert len(await found("PERSON")) == 30
    assert len(await found("person2")) == 11


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
