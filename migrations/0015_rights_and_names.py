"""The rights that a sign-in gives over its Mac, and the names of administrators as people read them.

Every Mac so far was enrolled with all rights.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0014_attributes_of_people")]

    initial = False

    operations = [
        ops.AddField(
            model_name="EnrollmentSession",
            name="access_rights",
            field=fields.IntField(default=8191, db_default=8191),
        ),
        ops.AddField(
            model_name="Administrator",
            name="display_name",
            field=fields.CharField(default="", db_default="", max_length=200),
        ),
    ]
