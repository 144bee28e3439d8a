"""Browsers of people who signed in to the self-service page."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0017_branding")]

    initial = False

    operations = [
        ops.AddField(model_name="BrowserSession", name="person_id", field=fields.UUIDField(null=True)),
        ops.AddField(
            model_name="BrowserSession",
            name="password_changed",
            field=fields.CharField(default="", db_default="", max_length=40),
        ),
        ops.AddIndex(model_name="BrowserSession", index=Index(fields=["person_id"])),
    ]
