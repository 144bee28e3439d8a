"""Indexes that answer the dashboard's counts by themselves, and one of the few earlier links.

Not one transaction, and may be begun anew, as 0008 is. Most invitations never had an earlier link: statistics of a
column that is empty in every row make SQLite read the whole table instead of an index over all of them.
"""

# ruff: noqa: SLF001 - the ORM has no public way to write an operation

from importlib import import_module

from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps

earlier = import_module("migrations.0008_indexes_and_search_text")


async def index_earlier_links(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    where = "WHERE replaced_token_hash IS NOT NULL"
    await earlier.make_index(editor, "ix_invitation_replaced", "invitation", ["replaced_token_hash"], where)


class DropIndex(ops.RemoveIndex):
    """Drops an index, unless it is gone; on PostgreSQL while others write."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        if state_editor is None or self.fields is None:
            return
        model = new_state.apps.get_model(f"{app_label}.{self.model_name}")
        how = "DROP INDEX CONCURRENTLY" if state_editor.DIALECT == "postgres" else "DROP INDEX"
        name = state_editor._index_name_for_model(model, Index(fields=self.fields))
        await state_editor._run_sql(f'{how} IF EXISTS "{name}"')


class Migration(migrations.Migration):
    dependencies = [("otae", "0009_mail_authorities")]

    initial = False
    atomic = False

    operations = [
        earlier.AddIndex("Invitation", Index(fields=["status", "rehearsal", "created_at", "id"])),
        earlier.AddIndex("Enrollment", Index(fields=["status", "rehearsal", "id"])),
        ops.RunPython(index_earlier_links),
        DropIndex("Invitation", fields=["status", "created_at", "id"]),
        DropIndex("Enrollment", fields=["status"]),
        DropIndex("Invitation", fields=["replaced_token_hash"]),
    ]
