"""Group invitations: one order for many people, and the outcome for each of them."""

from typing import Any
from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row
from otae.store.models.invitations import Invitation
from otae.store.models.notifications import NotificationTemplate
from otae.store.models.people import Person
from otae.store.models.terms import Terms


class GroupInvitation(Terms):
    """One order to invite many people. `key` is unique, so that the same order invites nobody twice.

    `source`: "group" (then `domain` and `name` are the group's) or "csv" (then `name` is the file's). `status`:
    "reading" (lines of a file), "matching" (its columns), "dry-run" (looking people up), "ready" (nothing sent yet),
    "expanding" (making invitations, a batch at a time), "paused", "sending" (all made, messages still queued), "done",
    "cancelled". `place`: where the look-up in a directory continues: the group's DN, a line break, the cursor of the
    next page; "" for local groups and files. `found`: people looked up so far. `lease_until`: until when one worker
    holds the next step. `valid_until`: the end of its invitations, null for the mode's. `start_at`: when a ready order
    starts by itself. `file`: the headings of a file and what its columns are read as; `add_people`: its lines that name
    nobody add people.
    """

    key = fields.CharField(max_length=100, unique=True)
    source = fields.CharField(max_length=10, default="group")
    domain = fields.CharField(max_length=100, default="local")
    name = fields.CharField(max_length=200)
    include_pending = fields.BooleanField(default=False)
    include_enrolled = fields.BooleanField(default=False)
    valid_until = fields.DatetimeField(null=True)
    start_at = fields.DatetimeField(null=True)
    add_people = fields.BooleanField(default=False, db_default=False)
    file: "fields.JSONField[dict[str, Any] | None]" = fields.JSONField(null=True)
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
    """One person of a group invitation, as of its look-up; later changes of the group have no effect.

    `number`: 1, 2, 3 in the order of user names; the line number for a CSV file. `person` is null for a line that names
    nobody. `status`: "listed" (not looked up yet), "waiting" (will be invited), "invited" (`invitation` is set),
    "skipped" (`reason` is a short code); in a campaign also "later" (waits for a wave), "held" (waits for an
    administrator to agree) and "left" (is no longer in the group). `missing_since`: when a campaign first did not find
    the person in the group, null while they are in it. `given`: the line's cells until it is looked up, then what it
    says of its invitation and person, by field.
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
    missing_since = fields.DatetimeField(null=True)
    given: "fields.JSONField[dict[str, Any] | None]" = fields.JSONField(null=True)
    invitation_id: UUID | None
    invitation: "fields.ForeignKeyNullableRelation[Invitation]" = fields.ForeignKeyField(
        "otae.Invitation", related_name="invitees", null=True, on_delete=fields.SET_NULL
    )

    class Meta:
        table = "group_invitee"
        unique_together = (("group_invitation", "person"), ("group_invitation", "number"))
        indexes = (("group_invitation_id", "status", "number"), ("invitation_id",), ("person_id",))
