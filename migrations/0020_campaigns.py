"""Campaigns, and Macs in trouble.

Not one transaction, and may be begun anew, as 0008 is.
"""

from datetime import datetime
from importlib import import_module
from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

earlier = import_module("migrations.0008_indexes_and_search_text")
AddField, AddIndex = earlier.AddField, earlier.AddIndex


def moment() -> fields.DatetimeField[datetime | None]:
    return fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)


async def drop_unfinished(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Drop the new tables where an earlier try was cut off: nothing has written to them."""
    for table in ("campaign_day", "campaign"):
        await editor.client.execute_script(f'DROP TABLE IF EXISTS "{table}"')


class Migration(migrations.Migration):
    dependencies = [("otae", "0019_approvals")]

    initial = False
    atomic = False

    operations = [
        AddField(model_name="GroupInvitee", name="missing_since", field=moment()),
        AddField(model_name="Invitation", name="campaign_id", field=fields.UUIDField(null=True)),
        AddField(model_name="Invitation", name="former_mdm_left_at", field=moment()),
        AddField(model_name="Device", name="rescued_at", field=moment()),
        AddField(
            model_name="Enrollment",
            name="ended_by",
            field=fields.CharField(max_length=16, default="", db_default=""),
        ),
        AddField(model_name="Enrollment", name="trouble", field=fields.CharField(max_length=10, null=True)),
        AddField(model_name="Enrollment", name="trouble_at", field=moment()),
        AddIndex("Invitation", Index(fields=["campaign_id", "created_at", "id"])),
        AddIndex("Device", Index(fields=["rehearsal", "seen_at", "id"])),
        AddIndex("Enrollment", Index(fields=["trouble", "trouble_at", "id"])),
        ops.RunPython(drop_unfinished),
        ops.CreateModel(
            name="Campaign",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "group_invitation",
                    fields.OneToOneField(
                        "otae.GroupInvitation",
                        source_field="group_invitation_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="campaign",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("name", fields.CharField(max_length=100)),
                ("status", fields.CharField(default="draft", max_length=10)),
                ("target", fields.CharField(default="", max_length=10)),
                ("wave_hours", fields.CharField(default="", max_length=80)),
                ("wave_size", fields.IntField(default=0)),
                ("weekdays_only", fields.BooleanField(default=False)),
                ("next_wave_at", moment()),
                ("remind_days", fields.IntField(default=0)),
                ("remind_most", fields.IntField(default=3)),
                ("tell_manager", fields.BooleanField(default=False)),
                ("former_mdm", fields.TextField(default="")),
                ("looked_at", moment()),
                ("tried_at", moment()),
                ("trouble", fields.CharField(default="", max_length=300)),
                ("asked_at", moment()),
                ("joining", fields.IntField(default=0)),
                ("leaving", fields.IntField(default=0)),
                ("lease_until", moment()),
                ("created_by", fields.CharField(max_length=100)),
                ("created_at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ("started_at", moment()),
                ("finished_at", moment()),
            ],
            options={
                "table": "campaign",
                "app": "otae",
                "indexes": [Index(fields=["status", "lease_until"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="CampaignDay",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "campaign",
                    fields.ForeignKeyField(
                        "otae.Campaign",
                        source_field="campaign_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="days",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("day", fields.CharField(max_length=10)),
                ("people", fields.IntField()),
                ("invited", fields.IntField()),
                ("enrolled", fields.IntField()),
            ],
            options={
                "table": "campaign_day",
                "app": "otae",
                "unique_together": (("campaign", "day"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
    ]
