"""Requests to approve enrollments."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0018_self_service")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Approval",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "invitation",
                    fields.ForeignKeyField(
                        "otae.Invitation",
                        source_field="invitation_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="approvals",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("number", fields.IntField()),
                ("status", fields.CharField(default="waiting", max_length=10)),
                ("asked", fields.CharField(max_length=16)),
                ("manager_mail", fields.CharField(default="", max_length=254)),
                ("manager_id", fields.CharField(default="", max_length=64)),
                ("remark", fields.CharField(default="", max_length=200)),
                ("token_hash", fields.CharField(null=True, unique=True, max_length=64)),
                ("token_sealed", fields.BinaryField(null=True)),
                ("asked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("decided_by", fields.CharField(default="", max_length=100)),
                ("ends_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "approval",
                "app": "otae",
                "unique_together": (("invitation", "number"),),
                "indexes": [Index(fields=["status", "asked_at", "id"]), Index(fields=["decided_at"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
    ]
