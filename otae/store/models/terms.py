"""The columns of an invitation's terms, shared by the tables of invitations and of group invitations."""

from tortoise import fields

from otae.store.models.base import Row


class Terms(Row):
    """The fields of `invitations.terms.InvitationTerms`, without those for a single person and without templates.

    `pin_channel`: how the PIN goes out: "mail", "sms", "shown" (to the administrator, once) or "card" (printed).
    `cost_centre`, `tags` ("lent, spare") and `free_fields` ("room: 12", a line each) are carried along.
    The columns of templates are in each of the two tables, because their relations need different names there.
    """

    mode = fields.CharField(max_length=32)
    ownership = fields.CharField(max_length=16)
    platform = fields.CharField(max_length=16, default="macos")
    way = fields.CharField(max_length=10, null=True)
    send = fields.BooleanField(default=True)
    note = fields.CharField(max_length=500, default="")
    pin_channel = fields.CharField(max_length=10, default="mail")
    cost_centre = fields.CharField(max_length=100, default="", db_default="")
    tags = fields.CharField(max_length=300, default="", db_default="")
    free_fields = fields.CharField(max_length=2000, default="", db_default="")

    class Meta:
        abstract = True
