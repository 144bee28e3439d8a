"""An index for invitations of one status that stopped at one step: there may be many of either, and none of both.

It holds whether they are a rehearsal's, so that they are counted in it.

Not one transaction, and may be begun anew, as 0008 is.
"""

from importlib import import_module

from tortoise import migrations
from tortoise.indexes import Index

earlier = import_module("migrations.0008_indexes_and_search_text")


class Migration(migrations.Migration):
    dependencies = [("otae", "0029_listed_serials")]

    initial = False
    atomic = False

    operations = [
        earlier.AddIndex("Invitation", Index(fields=["furthest_step", "status", "rehearsal", "created_at", "id"]))
    ]
