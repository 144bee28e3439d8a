"""Notices to administrators: what happened, who wants to be told, and the mails that tell them."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from otae.store.models.accounts import Administrator
from otae.store.models.base import Row


class Notice(Model):
    """Something that happened and that administrators may want to be told; written by `store.notices.tell`.

    `key`: of what happened, so that it is told once. `subject`: the name of the object where no id says it, such as a
    notification server's. `told_already`: a mail address that was told in another way. `passed_on`: the receipts were
    made. Ids are plain values, not foreign keys.
    """

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=200, unique=True)
    kind = fields.CharField(max_length=20)
    at = fields.DatetimeField(db_index=True)
    person_id = fields.UUIDField(null=True, db_index=True)
    device_id = fields.UUIDField(null=True)
    invitation_id = fields.UUIDField(null=True)
    subject = fields.CharField(max_length=200, default="")
    detail = fields.CharField(max_length=500, default="")
    told_already = fields.CharField(max_length=254, default="")
    passed_on = fields.BooleanField(default=False)

    class Meta:
        table = "notice"
        indexes = (("passed_on", "id"),)


class NoticeChoice(Row):
    """What one administrator wants to be told. `choices`: kind of notice → "now", "daily" or "off".

    `hour`: of the daily mail, in the administrator's time zone.
    """

    administrator_id: UUID
    administrator: "fields.OneToOneRelation[Administrator]" = fields.OneToOneField(
        "otae.Administrator", related_name="notice_choice", on_delete=fields.CASCADE
    )
    choices: "fields.JSONField[dict[str, str]]" = fields.JSONField(default=dict)
    hour = fields.IntField(default=8)

    class Meta:
        table = "notice_choice"


class AdministratorMail(Row):
    """A mail to an administrator that is not about one invitation.

    `kind`: "text" (`subject` and `text` are sent as they are) or "notices" (composed when it is sent, of its receipts).
    `recipient`: "" for the administrator's address at that time. `status`: "queued", "sent", "failed" or "cancelled".
    """

    administrator_id: UUID
    administrator: "fields.ForeignKeyRelation[Administrator]" = fields.ForeignKeyField(
        "otae.Administrator", related_name="mails", on_delete=fields.CASCADE
    )
    kind = fields.CharField(max_length=10)
    recipient = fields.CharField(max_length=254, default="")
    subject = fields.CharField(max_length=300, default="")
    text = fields.TextField(default="")
    status = fields.CharField(max_length=10, default="queued")
    attempt = fields.IntField(default=0)
    lease_until = fields.DatetimeField(null=True)
    next_try_at = fields.DatetimeField()
    answer = fields.CharField(max_length=500, default="")
    created_at = fields.DatetimeField(db_index=True)
    sent_at = fields.DatetimeField(null=True)

    class Meta:
        table = "administrator_mail"
        indexes = (("status", "next_try_at"), ("administrator_id", "kind", "created_at"))


class NoticeReceipt(Row):
    """That one administrator is to be told of one notice. `due_at`: when at the earliest; `mail`: the one that tells.

    `mail` is null until then.
    """

    notice_id: int
    notice: "fields.ForeignKeyRelation[Notice]" = fields.ForeignKeyField(
        "otae.Notice", related_name="receipts", on_delete=fields.CASCADE
    )
    administrator_id: UUID
    administrator: "fields.ForeignKeyRelation[Administrator]" = fields.ForeignKeyField(
        "otae.Administrator", related_name="notice_receipts", on_delete=fields.CASCADE
    )
    mail_id: UUID | None
    mail: "fields.ForeignKeyNullableRelation[AdministratorMail]" = fields.ForeignKeyField(
        "otae.AdministratorMail", related_name="receipts", null=True, on_delete=fields.CASCADE
    )
    due_at = fields.DatetimeField()

    class Meta:
        table = "notice_receipt"
        unique_together = (("notice", "administrator"),)
        indexes = (("mail_id", "administrator_id", "due_at"), ("administrator_id",))
