"""Second factors of administrators, their time zones and languages."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0021_lists")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Administrator",
            name="time_zone",
            field=fields.CharField(default="", db_default="", max_length=64),
        ),
        ops.AddField(
            model_name="Administrator",
            name="language",
            field=fields.CharField(default="", db_default="", max_length=16),
        ),
        ops.AddField(model_name="Administrator", name="second_factor_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="Administrator", name="totp_sealed", field=fields.BinaryField(null=True)),
        ops.AddField(model_name="Administrator", name="totp_step", field=fields.BigIntField(null=True)),
        ops.AddField(
            model_name="Role", name="second_factor", field=fields.BooleanField(default=False, db_default=False)
        ),
        ops.AddField(model_name="BrowserSession", name="second_factor_at", field=fields.DatetimeField(null=True)),
        ops.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "administrator",
                    fields.ForeignKeyField(
                        "otae.Administrator",
                        source_field="administrator_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="recovery_codes",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("code_hash", fields.CharField(unique=True, max_length=64)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "recovery_code",
                "app": "otae",
                "indexes": [Index(fields=["administrator_id"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="Passkey",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "administrator",
                    fields.ForeignKeyField(
                        "otae.Administrator",
                        source_field="administrator_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="passkeys",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("name", fields.CharField(max_length=60)),
                ("credential_hash", fields.CharField(unique=True, max_length=64)),
                ("credential_id", fields.TextField(unique=False)),
                ("public_key", fields.BinaryField()),
                ("sign_count", fields.BigIntField(default=0)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "passkey",
                "app": "otae",
                "indexes": [Index(fields=["administrator_id"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
    ]
