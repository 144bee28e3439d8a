"""Deliveries: the messages of invitations, one row for each recipient and message."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row
from otae.store.models.invitations import Invitation


class Delivery(Row):
    """One message to one recipient. The row decides what is sent; a queue message only points to it.

    `channel`: "mail", or "sms" (then `recipient` is a number in E.164 form). `policy_refused`: a server's policy
    refused it once, perhaps not because of this recipient.
    """

    invitation_id: UUID
    invitation: "fields.ForeignKeyRelation[Invitation]" = fields.ForeignKeyField(
        "otae.Invitation", related_name="deliveries", on_delete=fields.CASCADE
    )
    kind = fields.CharField(max_length=20)
    generation = fields.IntField(default=1)
    channel = fields.CharField(max_length=10, default="mail")
    recipient = fields.CharField(max_length=254)
    status = fields.CharField(max_length=12, default="queued")
    attempt = fields.IntField(default=0)
    lease_until = fields.DatetimeField(null=True)
    next_try_at = fields.DatetimeField(null=True)
    message_id = fields.CharField(max_length=200, unique=True)
    phase = fields.CharField(max_length=12, default="")
    outcome_unknown = fields.BooleanField(default=False)
    policy_refused = fields.BooleanField(default=False, db_default=False)
    answer = fields.CharField(max_length=500, default="")
    server_name = fields.CharField(max_length=100, default="")
    created_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)

    class Meta:
        table = "delivery"
        unique_together = (("invitation", "kind", "generation"),)
        indexes = (("status", "next_try_at"), ("status", "created_at", "id"))
