"""Further attributes that a directory is asked for."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0013_when_a_pin_was_tried")]

    initial = False

    operations = [
        ops.AddField(
            model_name="DirectoryServer",
            name="attributes",
            field=fields.CharField(default="", db_default="", max_length=500),
        ),
    ]
