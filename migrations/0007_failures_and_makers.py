"""Where failures come from, and who made setup and password links."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0006_mail_servers")]

    initial = False

    operations = [
        ops.AddField(model_name="Counter", name="network", field=fields.CharField(null=True, max_length=64)),
        ops.AddField(model_name="SetupLink", name="maker_id", field=fields.UUIDField(null=True)),
        ops.AddField(model_name="PasswordLink", name="maker_id", field=fields.UUIDField(null=True)),
    ]
