"""Invitations and their PINs."""

from typing import Any, ClassVar
from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row, Searched, SearchedManager
from otae.store.models.notifications import NotificationTemplate
from otae.store.models.people import Person
from otae.store.models.terms import Terms
from otae.store.support_codes import new_invitation_code


class Invitation(Terms, Searched):
    """One person asked to enroll one Mac.

    `token_hash`: SHA-256 (hex) of the invitation token; `token_sealed` (purpose "invitation.token") is wiped when the
    invitation can no longer be used; `replaced_token_hash`: of the token before it, which is no longer accepted.
    `rehearsal_ca`: DER of a rehearsal's one-off device CA, null otherwise. `display_name`, `email`, `phone`,
    `language`: the person's at the time of the invitation. `carrier`: name of the carrier for text messages that go out
    as mail, "" for the server's default. `support_code`: what a person reads out, different in every row; null in a row
    that an older release wrote while the database was migrated. `go_code_hash`: keyed hash of the code that opens the
    invitation on another device, until `go_code_until`. `objection_hash`: SHA-256 of the token in the mail with which
    the person objects to an identity confirmed at the desk; `objection_sealed` (purpose "objection token"): the token,
    for composing that mail. `campaign_id`: the campaign that made it, null for none.
    `former_mdm_left_at`: when the person said that the Mac has left the MDM of before. `sort_name`:
    `display_name` folded, by which lists are sorted. `seen_at`: when the person or their Mac was last heard of on the
    way to the enrollment. `deleted_at`: when it was deleted; the clock removes the row soon after, and until then the
    deletion with `deletion_id` can be undone.
    `asset_tag`: of the Mac. `card_code_hash`: keyed hash of the code on the printed card, which works as long as the
    invitation does.
    `furthest_step` and `furthest_at`: the furthest step (`rollout.Step`) that it has reached, and when; 0 in a row that
    an older release wrote, until `rollout.look_up_steps` has run.
    """

    searched: ClassVar = ("serial",)

    person_id: UUID
    person: "fields.ForeignKeyRelation[Person]" = fields.ForeignKeyField(
        "otae.Person", related_name="invitations", on_delete=fields.CASCADE
    )
    serial = fields.CharField(max_length=64, null=True)
    asset_tag = fields.CharField(max_length=100, default="", db_default="")
    status = fields.CharField(max_length=16, default="pending")
    token_hash = fields.CharField(max_length=64, unique=True)
    token_sealed = fields.BinaryField(null=True)
    replaced_token_hash = fields.CharField(max_length=64, null=True)
    generation = fields.IntField(default=1)
    valid_until = fields.DatetimeField(null=True)
    display_name = fields.CharField(max_length=200, default="")
    email = fields.CharField(max_length=254, null=True)
    phone = fields.CharField(max_length=32, null=True)
    language = fields.CharField(max_length=20, default="")
    carrier = fields.CharField(max_length=100, default="")
    url_template_id: UUID | None
    url_template: "fields.ForeignKeyNullableRelation[NotificationTemplate]" = fields.ForeignKeyField(
        "otae.NotificationTemplate", related_name="as_url", null=True, on_delete=fields.SET_NULL
    )
    pin_template_id: UUID | None
    pin_template: "fields.ForeignKeyNullableRelation[NotificationTemplate]" = fields.ForeignKeyField(
        "otae.NotificationTemplate", related_name="as_pin", null=True, on_delete=fields.SET_NULL
    )
    confirmation_template_id: UUID | None
    confirmation_template: "fields.ForeignKeyNullableRelation[NotificationTemplate]" = fields.ForeignKeyField(
        "otae.NotificationTemplate", related_name="as_confirmation", null=True, on_delete=fields.SET_NULL
    )
    rehearsal = fields.BooleanField(default=False)
    rehearsal_ca = fields.BinaryField(null=True)
    support_code = fields.CharField(max_length=8, null=True, default=new_invitation_code)
    go_code_hash = fields.CharField(max_length=64, null=True)
    go_code_until = fields.DatetimeField(null=True)
    card_code_hash = fields.CharField(max_length=64, null=True)
    objection_hash = fields.CharField(max_length=64, null=True)
    objection_sealed = fields.BinaryField(null=True)
    created_by = fields.CharField(max_length=100)
    created_at = fields.DatetimeField()
    redeemed_at = fields.DatetimeField(null=True)
    campaign_id = fields.UUIDField(null=True)
    former_mdm_left_at = fields.DatetimeField(null=True)
    sort_name = fields.CharField(max_length=200, default="", db_default="")
    seen_at = fields.DatetimeField(null=True)
    deleted_at = fields.DatetimeField(null=True)
    deletion_id = fields.UUIDField(null=True)
    furthest_step = fields.SmallIntField(default=0, db_default=0)
    furthest_at = fields.DatetimeField(null=True)

    class Meta:
        table = "invitation"
        manager = SearchedManager()
        indexes = (
            ("status", "valid_until"), ("created_at", "id"), ("status", "rehearsal", "created_at", "id"),
            ("mode", "created_at", "id"), ("ownership", "created_at", "id"), ("person_id", "created_at"),
            ("campaign_id", "created_at", "id"),
            ("url_template_id",), ("pin_template_id",), ("confirmation_template_id",),
            ("sort_name", "created_at", "id"), ("valid_until", "created_at", "id"), ("seen_at", "created_at", "id"),
            ("created_by", "created_at", "id"),
            ("furthest_step", "created_at", "id"), ("furthest_step", "status", "rehearsal", "created_at", "id"),
        )  # fmt: skip


class ModePolicy(Row):
    """The settings of one enrollment mode.

    `pin_channel`: the only channel for PINs of this mode ("sms", "shown", "card"); "" for any, mail by default.
    `options`: the mode's values that differ from their defaults, by name (see `invitations.modes`); null for none.
    """

    mode = fields.CharField(max_length=32, unique=True)
    pin_channel = fields.CharField(max_length=10, default="")
    options: "fields.JSONField[dict[str, Any] | None]" = fields.JSONField(null=True)

    class Meta:
        table = "mode_policy"


class Pin(Row):
    """One generation of an invitation's PIN; at most one is active (a partial unique index makes sure of that).

    `pin_hash`: argon2id over the peppered PIN. `pin_sealed` (purpose "pin"): the PIN, until its message is accepted,
    cancelled or expired. `link_tries` and `bare_tries`: wrong entries with and without the mailed link, and those that
    are being checked. `tried_at`: when the last of them was counted.
    """

    invitation_id: UUID
    invitation: "fields.ForeignKeyRelation[Invitation]" = fields.ForeignKeyField(
        "otae.Invitation", related_name="pins", on_delete=fields.CASCADE
    )
    generation = fields.IntField()
    active = fields.BooleanField(default=True)
    pin_hash = fields.CharField(max_length=255)
    pin_sealed = fields.BinaryField(null=True)
    link_tries = fields.IntField(default=0)
    bare_tries = fields.IntField(default=0)
    tried_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "pin"
        unique_together = (("invitation", "generation"),)
