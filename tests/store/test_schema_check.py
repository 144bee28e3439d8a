"""Tables that are not those of this release: mended where a migration can, else named at every door."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from tortoise.connection import get_connection
from tortoise.migrations.api import migrate as run_migrations

from otae.settings import Settings
from otae.store import database, schema_check
from tests.desks import make_settings
from tests.servers.postgres import PostgresServer
from tests.test_cli import CommandLine

#: What was written into 0002 after installations had run it.
LATER = {
    "invitation": ["replaced_token_hash"],
    "notification_server": ["clear_sign_in", "description", "ntlm"],
}


async def run_sql(settings: Settings, *statements: str) -> None:
    async with database.connected(settings):
        for statement in statements:
            await get_connection("default").execute_script(statement)


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Give the settings of a database without any table."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "sqlite":
        yield make_settings(home)
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    url = postgres.fresh()
    yield make_settings(home, DATABASE_URL=url, PUBLIC_URL="https://localhost:8443")
    postgres.drop(url)


async def missing(settings: Settings) -> tuple[str, ...]:
    async with database.connected(settings):
        return (await schema_check.compare()).missing


@pytest.mark.slow
def test_a_database_that_ran_0002_before_it_was_complete_is_mended(empty: Settings) -> None:
    async def work() -> None:
        try:
            await run_migrations(
                config=database.config(empty, migrating=True), target="otae.0002_modes_and_directories"
            )
        finally:
            await database.disconnect()
        drops = [f'ALTER TABLE "{table}" DROP COLUMN "{name}"' for table, names in LATER.items() for name in names]
        await run_sql(empty, *drops)
        assert {f"column {table}.{name}" for table, names in LATER.items() for name in names} <= {*await missing(empty)}
        await database.migrate(empty)
        assert await missing(empty) == ()

    asyncio.run(work())


def test_an_installation_has_what_the_models_name(settings: Settings) -> None:
    assert asyncio.run(missing(settings)) == ()


def test_what_is_missing_is_named_and_nothing_starts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = CommandLine(settings, monkeypatch, capsys)
    if settings.database_url:
        command.environment |= {
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "PUBLIC_URL": settings.public_url,
            "REDIS_URL": "redis://127.0.0.1:1",
            "PORT": "1",
        }
    asyncio.run(run_sql(settings, 'ALTER TABLE "invitation" DROP COLUMN "serial"', 'DROP TABLE "audit_head"'))
    for arguments in (["user", "list"], ["serve"], *([["worker"], ["clock"]] if settings.database_url else [])):
        told = command.refusal(*arguments)
        assert "column invitation.serial" in told
        assert "table audit_head" in told
        assert "restore the newest backup" in told
    done = command.run("doctor")
    assert done.returncode == 1
    assert "column invitation.serial" in done.stdout


def test_an_index_that_is_missing_is_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def find() -> str:
        async with database.connected(settings):
            if database.dialect() == "postgres":
                question = "SELECT indexname AS name FROM pg_indexes WHERE indexdef LIKE '%.event %(at)%'"
            else:
                question = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '%\"event\" (\"at\")%'"
            return str((await get_connection("default").execute_query_dict(question))[0]["name"])

    asyncio.run(run_sql(settings, f'DROP INDEX "{asyncio.run(find())}"'))
    command = CommandLine(settings, monkeypatch, capsys)
    if settings.database_url:
        command.environment |= {
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "PUBLIC_URL": settings.public_url,
        }
    rows = {row["check"]: row for row in json_of(command)}
    assert rows["database tables"]["state"] == "warning"
    assert "index on event (at)" in rows["database tables"]["words"]


def json_of(command: CommandLine) -> list[dict[str, str]]:
    """Return what the doctor found; it ends with 1, for nothing runs here."""
    return list(json.loads(command.run("doctor", "--json").stdout))
