"""Serial numbers of virtual machines have up to 64 characters."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State


class WidenField(ops.AlterField):
    """Let a column hold longer texts. SQLite's holds any length already, and changing it would rebuild the table."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        if state_editor and state_editor.client.capabilities.dialect == "postgres":
            await super().database_forward(app_label, old_state, new_state, state_editor)


class Migration(migrations.Migration):
    dependencies = [("otae", "0004_where_browsers_signed_in")]

    initial = False

    operations = [
        WidenField(
            model_name="Device",
            name="serial",
            field=fields.CharField(default="", db_index=True, max_length=64),
        ),
        WidenField(
            model_name="EnrollmentSession",
            name="serial",
            field=fields.CharField(null=True, max_length=64),
        ),
        WidenField(
            model_name="Invitation",
            name="serial",
            field=fields.CharField(null=True, max_length=64),
        ),
    ]
