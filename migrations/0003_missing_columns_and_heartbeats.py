"""Columns that a database lacks which ran 0002 before it was complete, and what a process did last in its heartbeat."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

#: What 0002 adds today; four of them were written into it after installations had run it.
COLUMNS = (
    ("Administrator", "checked_at"),
    ("DirectoryServer", "answered_at"),
    ("DirectoryServer", "trouble"),
    ("Group", "checked_at"),
    ("Invitation", "replaced_token_hash"),
    ("ModePolicy", "options"),
    ("NotificationServer", "clear_sign_in"),
    ("NotificationServer", "description"),
    ("NotificationServer", "ntlm"),
)


async def add_missing_columns(apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Add each of COLUMNS that is absent, as 0002 would have."""
    for name, column in COLUMNS:
        model = apps.get_model(f"otae.{name}")
        if editor.client.capabilities.dialect == "postgres":
            question = "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1"
        else:
            question = "SELECT name FROM pragma_table_info(?)"
        rows = await editor.client.execute_query_dict(question, [model._meta.db_table])  # noqa: SLF001 - the ORM's own name for it
        if column not in {row["name"] for row in rows}:
            await editor.add_field(model, column)


class Migration(migrations.Migration):
    dependencies = [("otae", "0002_modes_and_directories")]

    initial = False

    operations = [
        ops.RunPython(add_missing_columns),
        ops.AddField(
            model_name="Heartbeat",
            name="started_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Heartbeat",
            name="done",
            field=fields.CharField(default="", db_default="", max_length=60),
        ),
        ops.AddField(
            model_name="Heartbeat",
            name="done_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Heartbeat",
            name="doing",
            field=fields.CharField(default="", db_default="", max_length=60),
        ),
        ops.AddField(
            model_name="Heartbeat",
            name="doing_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Heartbeat",
            name="key_ids",
            field=fields.CharField(default="", db_default="", max_length=200),
        ),
    ]
