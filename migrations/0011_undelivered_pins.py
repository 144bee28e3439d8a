"""Indexes of links and PINs that did not arrive, in place of links alone, and of what lists are narrowed to.

Those lists are certificates by their end, who is disabled, and who has to wait because of wrong passwords.

Not one transaction, and may be begun anew, as 0008 is.
"""

# ruff: noqa: SLF001 - the ORM has no public way to write an operation

from importlib import import_module

from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

earlier = import_module("migrations.0008_indexes_and_search_text")


async def index_what_did_not_arrive(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    trouble = "kind IN ('url', 'pin') AND (status IN ('failed', 'bounced') OR (status = 'queued' AND attempt > 0))"
    await earlier.make_index(editor, "ix_delivery_undelivered", "delivery", ["invitation_id"], f"WHERE {trouble}")
    how = "DROP INDEX CONCURRENTLY" if editor.DIALECT == "postgres" else "DROP INDEX"
    await editor._run_sql(f"{how} IF EXISTS ix_delivery_trouble")


class Migration(migrations.Migration):
    dependencies = [("otae", "0010_counts_and_earlier_links")]

    initial = False
    atomic = False

    operations = [
        ops.RunPython(index_what_did_not_arrive),
        earlier.AddIndex("Certificate", Index(fields=["state", "not_after", "id"])),
        earlier.AddIndex("Person", Index(fields=["disabled", "name", "domain"])),
        earlier.AddIndex("Counter", Index(fields=["blocked_until"])),
    ]
