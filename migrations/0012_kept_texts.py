"""Texts that wait for the next page of a signed-in browser."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0011_undelivered_pins")]

    initial = False

    operations = [
        ops.CreateModel(
            name="KeptText",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "browser",
                    fields.ForeignKeyField(
                        "otae.BrowserSession",
                        source_field="browser_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="kept_texts",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("content", fields.TextField(unique=False)),
                ("expires_at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "kept_text",
                "app": "otae",
                "indexes": [Index(fields=["browser_id"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
    ]
