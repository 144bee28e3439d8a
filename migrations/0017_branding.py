"""Texts and logos of the portal, and the terms of use that people accepted."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0016_support_codes")]

    initial = False

    operations = [
        ops.CreateModel(
            name="PortalText",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=16)),
                ("language", fields.CharField(max_length=20)),
                ("version", fields.IntField()),
                ("text", fields.TextField(unique=False)),
                ("sha256", fields.CharField(max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("created_by", fields.CharField(max_length=100)),
                ("replaced_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "portal_text",
                "app": "otae",
                "unique_together": (("kind", "language", "version"),),
                "indexes": [Index(fields=["replaced_at", "kind"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="Logo",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("theme", fields.CharField(unique=True, max_length=8)),
                ("image", fields.BinaryField()),
                ("sha256", fields.CharField(max_length=64)),
                ("width", fields.IntField()),
                ("height", fields.IntField()),
            ],
            options={"table": "logo", "app": "otae", "pk_attr": "id"},
            bases=["Row"],
        ),
        ops.AddField(
            model_name="EnrollmentSession",
            name="terms_of_use_language",
            field=fields.CharField(null=True, max_length=20),
        ),
        ops.AddField(
            model_name="EnrollmentSession",
            name="terms_of_use_version",
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name="EnrollmentSession",
            name="terms_of_use_sha256",
            field=fields.CharField(null=True, max_length=64),
        ),
    ]
