"""What lists are sorted and filtered by, deleted invitations, and the current enrollment of each Mac in its own row.

Not one transaction, and may be begun anew, as 0008 is.
"""

from importlib import import_module
from typing import Any

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

earlier = import_module("migrations.0008_indexes_and_search_text")

#: Of each table: the columns of its new indexes.
INDEXES = {
    "Invitation": [
        ["sort_name", "created_at", "id"], ["valid_until", "created_at", "id"], ["seen_at", "created_at", "id"],
        ["created_by", "created_at", "id"],
    ],
    "Device": [
        ["serial", "created_at", "id"], ["status", "created_at", "id"], ["ownership", "created_at", "id"],
        ["os_version", "created_at", "id"], ["model_name", "created_at", "id"], ["enrolled_at", "created_at", "id"],
        ["person_id"],
    ],
}  # fmt: skip
#: The newest enrollment that reached TokenUpdate, else the newest.
CURRENT = (
    "SELECT e.{column} FROM enrollment e WHERE e.device_id = device.id "
    "ORDER BY CASE WHEN e.enrolled_at IS NULL THEN 1 ELSE 0 END, coalesce(e.enrolled_at, e.authenticated_at) DESC, "
    "CASE WHEN e.ended_at IS NULL THEN 0 ELSE 1 END LIMIT 1"
)


async def fill(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Fill the new columns of the rows that are there."""
    current = ", ".join(
        f"{column} = ({CURRENT.format(column=column)})"
        for column in ("person_id", "status", "ownership", "enrolled_at")
    )
    with_one = "EXISTS (SELECT 1 FROM enrollment WHERE device_id = device.id)"
    await editor.client.execute_query(f"UPDATE device SET {current} WHERE status = '' AND {with_one}")
    await editor.client.execute_query("UPDATE invitation SET sort_name = lower(display_name) WHERE sort_name = ''")
    newest = "SELECT max(coalesce(s.closed_at, s.profile_fetched_at, s.opened_at)) FROM enrollment_session s"
    await editor.client.execute_query(
        f"UPDATE invitation SET seen_at = ({newest} WHERE s.invitation_id = invitation.id) WHERE seen_at IS NULL"
    )


async def index_the_deleted(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Index the invitations that wait to be removed, which are few."""
    await earlier.make_index(
        editor, "ix_invitation_deleted", "invitation", ["deleted_at"], "WHERE deleted_at IS NOT NULL"
    )


def time() -> fields.Field[Any]:
    return fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)


def text(length: int) -> fields.Field[Any]:
    return fields.CharField(default="", db_default="", max_length=length)


class Migration(migrations.Migration):
    dependencies = [("otae", "0020_campaigns")]

    initial = False
    atomic = False

    operations = [
        earlier.AddField(model_name="Invitation", name="sort_name", field=text(200)),
        earlier.AddField(model_name="Invitation", name="seen_at", field=time()),
        earlier.AddField(model_name="Invitation", name="deleted_at", field=time()),
        earlier.AddField(model_name="Invitation", name="deletion_id", field=fields.UUIDField(null=True)),
        earlier.AddField(model_name="Device", name="person_id", field=fields.UUIDField(null=True)),
        earlier.AddField(model_name="Device", name="status", field=text(16)),
        earlier.AddField(model_name="Device", name="ownership", field=text(16)),
        earlier.AddField(model_name="Device", name="enrolled_at", field=time()),
        ops.RunPython(fill),
        *(earlier.AddIndex(name, Index(fields=columns)) for name, lists in INDEXES.items() for columns in lists),
        ops.RunPython(index_the_deleted),
    ]
