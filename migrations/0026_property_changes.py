"""Who changed a server property last, and when."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0025_rollout")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Property",
            name="changed_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Property",
            name="changed_by",
            field=fields.CharField(default="", db_default="", max_length=100),
        ),
    ]
