"""Where a browser was signed in, for the administrator who looks at their own sessions."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0003_missing_columns_and_heartbeats")]

    initial = False

    operations = [
        ops.AddField(
            model_name="BrowserSession",
            name="opened_from",
            field=fields.CharField(default="", db_default="", max_length=120),
        ),
    ]
