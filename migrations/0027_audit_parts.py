"""Bulk actions and erased texts in the audit log, and an index for each of its filters.

Not one transaction, and may be begun anew, as 0008 is.
"""

from importlib import import_module

from tortoise import fields, migrations
from tortoise.indexes import Index

earlier = import_module("migrations.0008_indexes_and_search_text")

#: The columns of the new indexes of the audit log.
INDEXES = (["part_of", "id"], ["actor", "part_of", "id"], ["action", "id"], ["subject", "id"])


class Migration(migrations.Migration):
    dependencies = [("otae", "0026_property_changes")]

    initial = False
    atomic = False

    operations = [
        earlier.AddField(model_name="AuditEntry", name="part_of", field=fields.BigIntField(null=True)),
        earlier.AddField(
            model_name="AuditEntry", name="erased", field=fields.CharField(default="", db_default="", max_length=64)
        ),
        *(earlier.AddIndex("AuditEntry", Index(fields=columns)) for columns in INDEXES),
        earlier.DropIndex("AuditEntry", Index(fields=["subject"])),
    ]
