"""Group invitations: one order for many people, and what became of each of them."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row
from otae.store.models.terms import Terms

if TYPE_CHECKING:
    from otae.store.models.invitations import Invitation
    from otae.store.models.notifications import NotificationTemplate
    from otae.store.models.people import Person


class GroupInvitation(Terms):
    """One order to invite many people; its key is spent once, so that the same order invites nobody twice.

    `source`: "group" (then `domain` and `name` are the group's) or "csv" (then `name` is the file's).
    `status`: "reading" (a file's lines come in), "dry-run" (people are looked up), "ready" (nothing sent yet),
    "expanding" (invitations are made, a wave at
    a time), "paused", "sending" (all made, messages still on their way), "done", "cancelled".
    `place`: where in a directory the look-up goes on: the group's DN, a line break, what the next page is asked for
    with; "" for local groups and files. `found`: people looked up so far. `lease_until`: until when a worker has the
    next step.
    """

    key = fields.CharField(max_length=100, unique=True)
    source = fields.CharField(max_length=10, default="group")
    domain = fields.CharField(max_length=100, default="local")
    name = fields.CharField(max_length=200)
    include_pending = fields.BooleanField(default=False)
    include_enrolled = fields.BooleanField(default=False)
    url_template_id: UUID | None
    url_template: "fields.ForeignKeyNullableRelation[NotificationTemplate]" = fields.ForeignKeyField(
        "otae.NotificationTemplate", related_name="group_as_url", null=True, on_delete=fields.SET_NULL
    )
    pin_template_id: UUID | None
    pin_template: "fields.ForeignKeyNullableRelation[NotificationTemplate]" = fields.ForeignKeyField(
        "otae.NotificationTemplate", related_name="group_as_pin", null=True, on_delete=fields.SET_NULL
    )
    confirmation_template_id: UUID | None
    confirmation_template: "fields.ForeignKeyNullableRelation[NotificationTemplate]" = fields.ForeignKeyField(
        "otae.NotificationTemplate", related_name="group_as_confirmation", null=True, on_delete=fields.SET_NULL
    )
    status = fields.CharField(max_length=12, default="dry-run")
    place = fields.TextField(default="")
    found = fields.IntField(default=0)
    lease_until = fields.DatetimeField(null=True)
    created_by = fields.CharField(max_length=100)
    created_at = fields.DatetimeField(db_index=True)
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "group_invitation"
        indexes = (
            ("status", "lease_until"), ("url_template_id",), ("pin_template_id",), ("confirmation_template_id",),
        )  # fmt: skip


class GroupInvitee(Row):
    """One person of a group invitation, as found when the group was looked up: later changes of the group do not count.

    `number`: 1, 2, 3 in the order of user names; for a CSV file, the line. `person` is null when a line names nobody.
    `status`: "listed" (not looked up yet), "waiting" (will be invited), "invited" (then `invitation`), "skipped"
    (then `reason`, a short code).
    """

    group_invitation_id: UUID
    group_invitation: "fields.ForeignKeyRelation[GroupInvitation]" = fields.ForeignKeyField(
        "otae.GroupInvitation", related_name="invitees", on_delete=fields.CASCADE
    )
    number = fields.IntField()
    person_id: UUID | None
    person: "fields.ForeignKeyNullableRelation[Person]" = fields.ForeignKeyField(
        "otae.Person", related_name="group_invitees", null=True, on_delete=fields.SET_NULL
    )
    name = fields.CharField(max_length=100)
    display_name = fields.CharField(max_length=200, default="")
    email = fields.CharField(max_length=254, null=True)
    phone = fields.CharField(max_length=32, null=True)
    status = fields.CharField(max_length=10, default="waiting")
    reason = fields.CharField(max_length=20, default="")
    invitation_id: UUID | None
    invitation: "fields.ForeignKeyNullableRelation[Invitation]" = fields.ForeignKeyField(
        "otae.Invitation", related_name="invitees", null=True, on_delete=fields.SET_NULL
    )

    class Meta:
        table = "group_invitee"
        unique_together = (("group_invitation", "person"), ("group_invitation", "number"))
        indexes = (("group_invitation_id", "status", "number"), ("invitation_id",), ("person_id",))
