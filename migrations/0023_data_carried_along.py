"""Data carried along by invitations, what a file says of each line, and the codes on printed cards.

Not one transaction, and may be begun anew, as 0008 is.
"""

from importlib import import_module

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

earlier = import_module("migrations.0008_indexes_and_search_text")
AddField = earlier.AddField


def text(length: int) -> fields.CharField[str]:
    return fields.CharField(max_length=length, default="", db_default="")


async def index_card_codes(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    where = "WHERE card_code_hash IS NOT NULL"
    await earlier.make_index(editor, "ix_invitation_card_code", "invitation", ["card_code_hash"], where)


class Migration(migrations.Migration):
    dependencies = [("otae", "0022_second_factors")]

    initial = False
    atomic = False

    operations = [
        AddField(model_name="Invitation", name="asset_tag", field=text(100)),
        AddField(model_name="Invitation", name="cost_centre", field=text(100)),
        AddField(model_name="Invitation", name="tags", field=text(300)),
        AddField(model_name="Invitation", name="free_fields", field=text(2000)),
        AddField(model_name="Invitation", name="card_code_hash", field=fields.CharField(max_length=64, null=True)),
        AddField(model_name="GroupInvitation", name="cost_centre", field=text(100)),
        AddField(model_name="GroupInvitation", name="tags", field=text(300)),
        AddField(model_name="GroupInvitation", name="free_fields", field=text(2000)),
        AddField(
            model_name="GroupInvitation",
            name="valid_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        AddField(
            model_name="GroupInvitation",
            name="start_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        AddField(
            model_name="GroupInvitation",
            name="add_people",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        AddField(model_name="GroupInvitation", name="file", field=fields.JSONField(null=True)),
        AddField(model_name="GroupInvitee", name="given", field=fields.JSONField(null=True)),
        ops.RunPython(index_card_codes),
    ]
