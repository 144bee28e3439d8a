"""Notification servers, templates, deliveries, and the mail the built-in catcher took."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row

if TYPE_CHECKING:
    from otae.store.models.invitations import Invitation


class NotificationServer(Row):
    """A server that mail goes out through. `password_sealed`: purpose "notification-server.password".

    `connections`: how many a worker process opens at most; `rate`: messages a minute, 0 for as many as there are, held
    by `next_slot_at`; `standby`: its place among those that stand in for the active one, 0 for none.
    """

    kind = fields.CharField(max_length=10, default="smtp")
    name = fields.CharField(max_length=100, unique=True)
    host = fields.CharField(max_length=253)
    port = fields.IntField(default=25)
    security = fields.CharField(max_length=10, default="none")
    username = fields.CharField(max_length=200, null=True)
    password_sealed = fields.BinaryField(null=True)
    from_name = fields.CharField(max_length=200)
    from_email = fields.CharField(max_length=254)
    timeout = fields.IntField(default=30)
    retries = fields.IntField(default=5)
    connections = fields.IntField(default=4)
    rate = fields.IntField(default=0)
    next_slot_at = fields.DatetimeField(null=True)
    standby = fields.IntField(default=0)
    dkim_selector = fields.CharField(max_length=63, default="")
    active = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()

    class Meta:
        table = "notification_server"


class NotificationTemplate(Row):
    """What a message says. `kind` is "url", "pin" or "confirmation"; texts hold ${…} macros, never Jinja."""

    kind = fields.CharField(max_length=20)
    name = fields.CharField(max_length=100, unique=True)
    subject = fields.CharField(max_length=300)
    text = fields.TextField()
    html = fields.TextField()
    system = fields.BooleanField(default=False)

    class Meta:
        table = "notification_template"


class Delivery(Row):
    """One message to one recipient; the row is the truth, a queue message only a hint."""

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
    answer = fields.CharField(max_length=500, default="")
    server_name = fields.CharField(max_length=100, default="")
    created_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)

    class Meta:
        table = "delivery"
        unique_together = (("invitation", "kind", "generation"),)
        indexes = (("status", "next_try_at"),)


class CaughtMail(Row):
    """A mail that the built-in catcher took. `message_sealed` (purpose "caught-mail.message") is the whole message."""

    recipient = fields.CharField(max_length=254)
    subject = fields.CharField(max_length=300)
    message_sealed = fields.BinaryField()
    rehearsal = fields.BooleanField(default=False)
    caught_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "caught_mail"
