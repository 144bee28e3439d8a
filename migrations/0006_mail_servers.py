"""What mail servers refuse, and how they are signed in to by OAuth."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0005_longer_serial_numbers")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ServerRefusal",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "server",
                    fields.ForeignKeyField(
                        "otae.NotificationServer",
                        source_field="server_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="refusals",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("domain", fields.CharField(max_length=253)),
                ("likeness", fields.CharField(max_length=20)),
                ("words", fields.CharField(max_length=500)),
                ("since", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "server_refusal",
                "app": "otae",
                "unique_together": (("server", "domain", "likeness"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.AddField(
            model_name="Delivery",
            name="policy_refused",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name="NotificationServer",
            name="told_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="NotificationServer",
            name="oauth",
            field=fields.CharField(default="", db_default="", max_length=20),
        ),
        ops.AddField(
            model_name="NotificationServer",
            name="oauth_token_url",
            field=fields.CharField(default="", db_default="", max_length=500),
        ),
        ops.AddField(
            model_name="NotificationServer",
            name="oauth_client_id",
            field=fields.CharField(default="", db_default="", max_length=200),
        ),
        ops.AddField(
            model_name="NotificationServer",
            name="oauth_scope",
            field=fields.CharField(default="", db_default="", max_length=500),
        ),
    ]
