"""The columns of an invitation's terms, in the table of invitations and in that of group invitations."""

from tortoise import fields

from otae.store.models.base import Row


class Terms(Row):
    """What `invitations.terms.InvitationTerms` holds, apart from what is for one person alone, and from templates.

    `pin_channel`: how the PIN goes out: "mail", "sms", "shown" (to the administrator, once) or "card" (printed).
    A template's column stands in each of the two tables, for its relation has a name of its own there.
    """

    mode = fields.CharField(max_length=32)
    ownership = fields.CharField(max_length=16)
    platform = fields.CharField(max_length=16, default="macos")
    way = fields.CharField(max_length=10, null=True)
    send = fields.BooleanField(default=True)
    note = fields.CharField(max_length=500, default="")
    pin_channel = fields.CharField(max_length=10, default="mail")

    class Meta:
        abstract = True
