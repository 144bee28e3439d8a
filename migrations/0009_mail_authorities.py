"""The authorities that a mail server's certificate must lead to."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0008_indexes_and_search_text")]

    initial = False

    operations = [
        ops.AddField(
            model_name="NotificationServer",
            name="ca_pem",
            field=fields.TextField(default="", db_default="", unique=False),
        ),
    ]
