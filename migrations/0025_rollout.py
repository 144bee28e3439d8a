"""The furthest step of every invitation, and how many reached each step by day.

Not one transaction, and may be begun anew, as 0008 is.
"""

from importlib import import_module

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

earlier = import_module("migrations.0008_indexes_and_search_text")


async def drop_unfinished(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Drop the new tables where an earlier try was cut off: nothing has written to them."""
    for table in ("rollout_entry", "rollout_count"):
        await editor.client.execute_script(f'DROP TABLE IF EXISTS "{table}"')


class Migration(migrations.Migration):
    dependencies = [("otae", "0024_notices")]

    initial = False
    atomic = False

    operations = [
        earlier.AddField(
            model_name="Invitation", name="furthest_step", field=fields.SmallIntField(default=0, db_default=0)
        ),
        earlier.AddField(
            model_name="Invitation",
            name="furthest_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        earlier.AddIndex("Invitation", Index(fields=["furthest_step", "created_at", "id"])),
        ops.RunPython(drop_unfinished),
        ops.CreateModel(
            name="RolloutEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("invited_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("campaign_id", fields.UUIDField(null=True)),
                ("previous", fields.SmallIntField()),
                ("step", fields.SmallIntField()),
                ("since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "rollout_entry", "app": "otae", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RolloutCount",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("campaign_id", fields.UUIDField()),
                ("day", fields.CharField(max_length=10)),
                ("step", fields.SmallIntField()),
                ("bucket", fields.SmallIntField()),
                ("number", fields.IntField()),
            ],
            options={
                "table": "rollout_count",
                "app": "otae",
                "unique_together": (("campaign_id", "day", "step", "bucket"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
    ]
