"""When the rest of a deleted person's data was erased.

Not one transaction, and may be begun anew, as 0008 is.
"""

from importlib import import_module

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

earlier = import_module("migrations.0008_indexes_and_search_text")


async def index_the_unerased(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Index the deleted people of whom something is left, which are few."""
    left = "WHERE removed_at IS NOT NULL AND erased_at IS NULL"
    await earlier.make_index(editor, "ix_person_unerased", "person", ["removed_at"], left)


class Migration(migrations.Migration):
    dependencies = [("otae", "0027_audit_parts")]

    initial = False
    atomic = False

    operations = [
        earlier.AddField(
            model_name="Person",
            name="erased_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunPython(index_the_unerased),
    ]
