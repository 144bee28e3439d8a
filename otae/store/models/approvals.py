"""Requests to approve enrollments, and the decisions."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row
from otae.store.models.invitations import Invitation


class Approval(Row):
    """A request to let somebody's Mac be enrolled with an invitation, and the decision on it.

    `number`: 1, 2, 3 … among the requests of the invitation. `asked`: "administrator" or "manager". `manager_mail`,
    `manager_id`: address of the manager who was asked, and their id in the directory, "" otherwise; `remark`: why
    administrators were asked instead. `token_hash`: SHA-256 (hex) of the token in the manager's link; `token_sealed`
    (purpose "approval.token") is wiped by the decision. `ends_at`: when the approval ends.
    """

    invitation_id: UUID
    invitation: "fields.ForeignKeyRelation[Invitation]" = fields.ForeignKeyField(
        "otae.Invitation", related_name="approvals", on_delete=fields.CASCADE
    )
    number = fields.IntField()
    status = fields.CharField(max_length=10, default="waiting")
    asked = fields.CharField(max_length=16)
    manager_mail = fields.CharField(max_length=254, default="")
    manager_id = fields.CharField(max_length=64, default="")
    remark = fields.CharField(max_length=200, default="")
    token_hash = fields.CharField(max_length=64, null=True, unique=True)
    token_sealed = fields.BinaryField(null=True)
    asked_at = fields.DatetimeField()
    decided_at = fields.DatetimeField(null=True)
    decided_by = fields.CharField(max_length=100, default="")
    ends_at = fields.DatetimeField(null=True)

    class Meta:
        table = "approval"
        unique_together = (("invitation", "number"),)
        indexes = (("status", "asked_at", "id"), ("decided_at",))
