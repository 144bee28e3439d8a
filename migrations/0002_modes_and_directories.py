"""What modes are set to, when directories were last looked at, how mail servers are signed in to, links replaced."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("otae", "0001_initial")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Administrator",
            name="checked_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="DirectoryServer",
            name="answered_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="DirectoryServer",
            name="trouble",
            field=fields.CharField(default="", db_default="", max_length=200),
        ),
        ops.AddField(
            model_name="Group",
            name="checked_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Invitation",
            name="replaced_token_hash",
            field=fields.CharField(null=True, db_index=True, max_length=64),
        ),
        ops.AddField(
            model_name="ModePolicy",
            name="options",
            field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
        ),
        ops.AddField(
            model_name="NotificationServer",
            name="clear_sign_in",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name="NotificationServer",
            name="description",
            field=fields.CharField(default="", db_default="", max_length=200),
        ),
        ops.AddField(
            model_name="NotificationServer",
            name="ntlm",
            field=fields.BooleanField(default=False, db_default=False),
        ),
    ]
