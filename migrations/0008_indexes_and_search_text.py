"""An index for every foreign key and every list, and the columns that lists are searched by.

Not one transaction: on PostgreSQL an index that is made CONCURRENTLY keeps nobody from writing meanwhile, and cannot be
made inside one. So every step looks first whether it was done before, and the whole may be begun anew after it was cut
off at any place.
"""

# ruff: noqa: SLF001 - the ORM has no public way to write an operation

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps

#: Of each table: the columns of its new indexes.
INDEXES = {
    "BrowserSession": [["administrator_id"], ["session_id"]],
    "Certificate": [["session_id"], ["serial_number"], ["created_at", "id"], ["state", "created_at", "id"]],
    "Challenge": [["session_id"], ["certificate_id"]],
    "Delivery": [["status", "created_at", "id"]],
    "Device": [["rehearsal", "created_at", "id"]],
    "Enrollment": [
        ["device_id"], ["session_id"], ["person_id"], ["certificate_id"], ["previous_certificate_id"], ["status"],
    ],
    "EnrollmentSession": [["person_id"], ["invitation_id", "opened_at"], ["status", "opened_at", "id"]],
    "GroupInvitation": [["url_template_id"], ["pin_template_id"], ["confirmation_template_id"]],
    "GroupInvitee": [["person_id"]],
    "Invitation": [
        ["replaced_token_hash"], ["created_at", "id"], ["status", "created_at", "id"], ["mode", "created_at", "id"],
        ["ownership", "created_at", "id"], ["person_id", "created_at"],
        ["url_template_id"], ["pin_template_id"], ["confirmation_template_id"],
    ],
    "Membership": [["person_id"]],
    "PasswordLink": [["person_id"]],
    "Person": [["name", "domain"], ["role", "name", "domain"], ["rehearsal", "created_at"]],
}  # fmt: skip
#: What a wider new index does as well.
SUPERSEDED = {
    "Device": ["created_at"],
    "EnrollmentSession": ["opened_at"],
    "Invitation": ["created_at"],
    "Person": ["created_at"],
}


async def ask(editor: BaseSchemaEditor, question: str) -> list[dict[str, object]]:
    return [dict(row) for row in await editor.client.execute_query_dict(question)]


async def make_index(editor: BaseSchemaEditor, name: str, table: str, columns: list[str], where: str = "") -> None:
    how = "CREATE INDEX IF NOT EXISTS"
    if editor.DIALECT == "postgres":
        how = "CREATE INDEX CONCURRENTLY IF NOT EXISTS"
        # One that was cut off is there, is kept up to date, and is used by nobody.
        asked = f"SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('\"{name}\"') AND NOT indisvalid"
        if await ask(editor, asked):
            await editor._run_sql(f'DROP INDEX CONCURRENTLY "{name}"')
    names = ", ".join(f'"{column}"' for column in columns)
    await editor._run_sql(f'{how} "{name}" ON "{table}" ({names}) {where}')


async def index_what_is_to_be_filled(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Let `search_index.fill` find the rows without a text at once: all of them now, then few or none."""
    for table in ("device", "enrollment_session", "invitation", "person"):
        await make_index(editor, f"ix_{table}_unfolded", table, ["id"], "WHERE search_text IS NULL")


async def index_what_may_be_stuck(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Index the messages that did not arrive, and the sign-ins that led to no Mac: few beside all the others."""
    trouble = "kind = 'url' AND (status IN ('failed', 'bounced') OR (status = 'queued' AND attempt > 0))"
    unfinished = "status <> 'enrolled' AND invitation_id IS NOT NULL"
    await make_index(editor, "ix_delivery_trouble", "delivery", ["invitation_id"], f"WHERE {trouble}")
    await make_index(
        editor, "ix_enrollment_session_unfinished", "enrollment_session", ["invitation_id"], f"WHERE {unfinished}"
    )


class AddField(ops.AddField):
    """Adds a column, unless it is there."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        if state_editor is None:
            return
        table = new_state.apps.get_model(f"{app_label}.{self.model_name}")._meta.db_table
        if state_editor.DIALECT == "sqlite":
            question = f"SELECT name FROM pragma_table_info('{table}')"
        else:
            question = (
                "SELECT column_name AS name FROM information_schema.columns "
                f"WHERE table_name = '{table}' AND table_schema = current_schema()"
            )
        if self.name not in {row["name"] for row in await ask(state_editor, question)}:
            await super().database_forward(app_label, old_state, new_state, state_editor)


class AddIndex(ops.AddIndex):
    """Makes an index, unless it is there; on PostgreSQL while others write."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        if state_editor is None:
            return
        model = new_state.apps.get_model(f"{app_label}.{self.model_name}")
        name = state_editor._index_name_for_model(model, self.index)
        await make_index(state_editor, name, model._meta.db_table, self.index.fields)


class DropIndex(ops.AddIndex):
    """Drops an index that `db_index` of a column made; which one that is the column's own state says."""

    def state_forward(self, app_label: str, state: State) -> None:
        pass

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        if state_editor is None:
            return
        model = new_state.apps.get_model(f"{app_label}.{self.model_name}")
        how = "DROP INDEX CONCURRENTLY" if state_editor.DIALECT == "postgres" else "DROP INDEX"
        await state_editor._run_sql(f'{how} IF EXISTS "{state_editor._index_name_for_model(model, self.index)}"')


class Migration(migrations.Migration):
    dependencies = [("otae", "0007_failures_and_makers")]

    initial = False
    atomic = False

    operations = [
        AddField(model_name="Device", name="search_text", field=fields.TextField(null=True)),
        AddField(model_name="EnrollmentSession", name="search_text", field=fields.TextField(null=True)),
        AddField(model_name="Invitation", name="search_text", field=fields.TextField(null=True)),
        AddField(model_name="Person", name="search_text", field=fields.TextField(null=True)),
        *(AddIndex(name, Index(fields=columns)) for name, lists in INDEXES.items() for columns in lists),
        *(DropIndex(name, Index(fields=columns)) for name, columns in SUPERSEDED.items()),
        ops.RunPython(index_what_is_to_be_filled),
        ops.RunPython(index_what_may_be_stuck),
    ]
