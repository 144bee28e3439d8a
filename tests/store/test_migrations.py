"""Later migrations: they keep what is there, and they never use what rebuilds a table on SQLite."""

import ast
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tortoise.connection import get_connection

from otae.settings import Settings
from otae.store import database, keyring, models
from otae.store.desk import Desk
from otae.store.models import Invitation, ModePolicy, Person
from tests.desks import RecordingBell
from tests.store.furnish import furnish

pytestmark = pytest.mark.anyio

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
#: Operations that leave a table standing on SQLite; every other one copies it, and drops its indexes and children.
SAFE = {"CreateModel", "AddField", "AddIndex", "RunSQL", "RunPython"}
LATER = """
from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0001_initial")]
    operations = [
        ops.AddField(
            model_name="Person", name="nickname", field=fields.CharField(max_length=50, default="", db_default="-")
        ),
        ops.RunSQL("CREATE INDEX ix_person_nickname ON person (nickname)", "DROP INDEX ix_person_nickname"),
    ]
"""


async def indexes() -> set[str]:
    if database.dialect() == "postgres":
        question = "SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public'"
    else:
        question = "SELECT name FROM sqlite_master WHERE type = 'index'"
    return {row["name"] for row in await get_connection("default").execute_query_dict(question)}


@pytest.mark.slow
async def test_a_second_migration_keeps_rows_and_indexes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    async with database.connected(settings):
        ben = Person(name="ben", display_name="Ben", created_at=now)
        await ben.save()
        values = {"mode": "two_factor", "ownership": "corporate", "created_by": "ada"}
        await Invitation(person=ben, token_hash="x", created_at=now, **values).save()
        before = await indexes()
    package = tmp_path / f"later_{settings.embedded}"
    shutil.copytree(MIGRATIONS, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "0002_later.py").write_text(LATER)
    monkeypatch.syspath_prepend(str(tmp_path))
    apps = {"otae": {**database._apps()["otae"], "migrations": package.name}}  # noqa: SLF001 - the one place that names them
    monkeypatch.setattr(database, "_apps", lambda: apps)
    await database.migrate(settings)
    async with database.connected(settings):
        assert await database.is_migrated()
        assert before | {"ix_person_nickname"} == await indexes()
        rows = await get_connection("default").execute_query_dict("SELECT name, nickname FROM person")
        assert [dict(row) for row in rows] == [{"name": "ben", "nickname": "-"}]
        assert await Invitation.all().count() == 1
    sys.modules.pop(package.name, None)


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("0*.py")), ids=lambda path: path.name)
def test_a_migration_rebuilds_no_table(path: Path) -> None:
    used = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "ops"
    }
    assert used <= SAFE


def added() -> list[tuple[str, str]]:
    """Return table and column of every field that migrations after the first add."""
    found = []
    for path in sorted(MIGRATIONS.glob("0*.py"))[1:]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "AddField":
                given = {each.arg: ast.literal_eval(each.value) for each in node.keywords if each.arg != "field"}
                found.append((str(getattr(models, given["model_name"])._meta.db_table), given["name"]))  # noqa: SLF001 - the ORM's own name for it
    return found


def tables_made() -> dict[str, str]:
    """Return by model the table of every model that migrations after the first make."""
    calls = [
        node
        for path in sorted(MIGRATIONS.glob("0*.py"))[1:]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "CreateModel"
    ]
    names = [str(ast.literal_eval(each.value)) for call in calls for each in call.keywords if each.arg == "name"]
    return {name: str(getattr(models, name)._meta.db_table) for name in names}  # noqa: SLF001 - as above


async def drop(table: str, column: str) -> None:
    """Drop a column; SQLite does not before everything that reads it is gone, which PostgreSQL sees to itself."""
    connection = get_connection("default")
    if database.dialect() == "sqlite":
        kinds = "type IN ('index', 'trigger') OR sql LIKE 'CREATE VIRTUAL%'"
        asked = f"SELECT type, name FROM sqlite_schema WHERE ({kinds}) AND sql LIKE ? AND sql LIKE ?"  # noqa: S608 - no value
        for row in await connection.execute_query_dict(asked, [f"%{table}%", f"%{column}%"]):
            await connection.execute_query(f'DROP {row["type"]} "{row["name"]}"')
    await connection.execute_query(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')


async def everything(without: set[tuple[str, str]]) -> dict[str, list[dict[str, object]]]:
    """Read every table of the first release, leaving out the columns ``without``."""
    made: dict[str, list[dict[str, object]]] = {}
    for name in set(models.__all__) - tables_made().keys():
        meta = getattr(models, name)._meta  # noqa: SLF001 - as above
        rows = await get_connection("default").execute_query_dict(f'SELECT * FROM "{meta.db_table}"')  # noqa: S608 - a name of ours
        kept = [{key: row[key] for key in row if (meta.db_table, key) not in without} for row in map(dict, rows)]
        made[meta.db_table] = sorted(kept, key=repr)
    return made


@pytest.mark.slow
async def test_a_filled_installation_of_the_first_release_keeps_everything(settings: Settings) -> None:
    new = added()
    async with database.connected(settings):
        await furnish(Desk(settings, await keyring.open_vault(settings), RecordingBell()))
        connection = get_connection("default")
        for table in reversed(tables_made().values()):  # whatever points to another table was made after it
            await connection.execute_query(f'DROP TABLE "{table}"')
        for table, column in new:
            await drop(table, column)
        await connection.execute_query("DELETE FROM tortoise_migrations WHERE name NOT LIKE '0001%'")
        before = await everything(set(new))
    assert all(before[table] for table in ("person", "invitation", "mode_policy", "group_invitation", "delivery"))
    await database.migrate(settings)
    async with database.connected(settings):
        assert await database.is_migrated()
        assert await everything(set(new)) == before
        assert (await ModePolicy.get(mode="high_security")).options is None
