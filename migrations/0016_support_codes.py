"""A support code for every invitation, the code that opens one on another device, and the link to object to the desk."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
#: A random number from 1 to 30, drawn anew for each letter of each row.
RANDOM = {"postgres": "1 + floor(random() * 30)::int", "sqlite": "1 + abs(random() % 30)"}
REPEATED = (
    "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY support_code ORDER BY id) AS number FROM invitation) "
    "AS numbered WHERE number > 1"
)


async def give_codes(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Give every invitation a code that no other has."""
    letter = f"substr('{ALPHABET}', {RANDOM['postgres' if editor.DIALECT == 'postgres' else 'sqlite']}, 1)"
    code = " || ".join([letter] * 8)
    where = "support_code IS NULL"
    while True:
        await editor.client.execute_query(f"UPDATE invitation SET support_code = {code} WHERE {where}")
        if not await editor.client.execute_query_dict(REPEATED):
            break
        where = f"id IN ({REPEATED})"


class Migration(migrations.Migration):
    dependencies = [("otae", "0015_rights_and_names")]

    initial = False

    operations = [
        ops.AddField(model_name="Invitation", name="support_code", field=fields.CharField(max_length=8, null=True)),
        ops.AddField(model_name="Invitation", name="go_code_hash", field=fields.CharField(max_length=64, null=True)),
        ops.AddField(
            model_name="Invitation",
            name="go_code_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(model_name="Invitation", name="objection_hash", field=fields.CharField(max_length=64, null=True)),
        ops.AddField(model_name="Invitation", name="objection_sealed", field=fields.BinaryField(null=True)),
        ops.RunPython(give_codes),
        ops.RunSQL("CREATE UNIQUE INDEX ix_invitation_support_code ON invitation (support_code)"),
        ops.RunSQL(
            "CREATE UNIQUE INDEX ix_invitation_go_code ON invitation (go_code_hash) WHERE go_code_hash IS NOT NULL"
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX ix_invitation_objection ON invitation (objection_hash) WHERE objection_hash IS NOT NULL"
        ),
    ]
