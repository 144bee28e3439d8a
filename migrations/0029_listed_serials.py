"""The lists of serial numbers: the organization's Macs, and those that may not enroll."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0028_erased_people")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ListedSerial",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("serial", fields.CharField(max_length=64)),
                ("kind", fields.CharField(max_length=16)),
                ("note", fields.CharField(default="", max_length=200)),
                ("created_by", fields.CharField(max_length=100)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "listed_serial",
                "app": "otae",
                "indexes": [Index(fields=["kind", "key"])],
                "pk_attr": "key",
                "table_description": 'A serial number on the list of the organization\'s Macs ("company"), or of those that '
                'may not enroll ("refused").',
            },
        )
    ]
