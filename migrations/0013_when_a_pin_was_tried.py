"""When a try was last counted on a PIN, so that a sweep leaves alone those that are being checked."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0012_kept_texts")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Pin",
            name="tried_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
