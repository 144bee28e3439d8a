"""Campaigns: group invitations that follow their group, and what became of them day by day."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row
from otae.store.models.groups import GroupInvitation


class Campaign(Row):
    """A group invitation that follows its group, invites in waves and reminds until a target date.

    The people are the invitees of `group_invitation`, which has the terms. `status`: "draft" (its people are looked up
    for the first time), "running", "asking" (a look-up changes more than may be changed without an administrator),
    "paused", "ended". `wave_hours`: hours of the day, in the organization's time zone, with spaces between them; "":
    people are invited at once. `target`: as in 2026-12-24, "" for none. `wave_size`: most people of one wave, 0 for
    all. `remind_days`: 0 for no reminders. `former_mdm`: steps to leave another MDM first, shown to people; "" for
    none. `looked_at`: when the group was last read completely; `tried_at`: when that was last tried; `trouble`: why
    nothing came of it. `joining` and `leaving`: how many people are to be invited and revoked while it asks.
    `lease_until`: until when one process works on it.
    """

    group_invitation_id: UUID
    group_invitation: "fields.OneToOneRelation[GroupInvitation]" = fields.OneToOneField(
        "otae.GroupInvitation", related_name="campaign", on_delete=fields.CASCADE
    )
    name = fields.CharField(max_length=100)
    status = fields.CharField(max_length=10, default="draft")
    target = fields.CharField(max_length=10, default="")
    wave_hours = fields.CharField(max_length=80, default="")
    wave_size = fields.IntField(default=0)
    weekdays_only = fields.BooleanField(default=False)
    next_wave_at = fields.DatetimeField(null=True)
    remind_days = fields.IntField(default=0)
    remind_most = fields.IntField(default=3)
    tell_manager = fields.BooleanField(default=False)
    former_mdm = fields.TextField(default="")
    looked_at = fields.DatetimeField(null=True)
    tried_at = fields.DatetimeField(null=True)
    trouble = fields.CharField(max_length=300, default="")
    asked_at = fields.DatetimeField(null=True)
    joining = fields.IntField(default=0)
    leaving = fields.IntField(default=0)
    lease_until = fields.DatetimeField(null=True)
    created_by = fields.CharField(max_length=100)
    created_at = fields.DatetimeField(db_index=True)
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "campaign"
        indexes = (("status", "lease_until"),)


class CampaignDay(Row):
    """How many people a campaign had at the end of a day, how many of them were invited, and how many enrolled."""

    campaign_id: UUID
    campaign: "fields.ForeignKeyRelation[Campaign]" = fields.ForeignKeyField(
        "otae.Campaign", related_name="days", on_delete=fields.CASCADE
    )
    day = fields.CharField(max_length=10)
    people = fields.IntField()
    invited = fields.IntField()
    enrolled = fields.IntField()

    class Meta:
        table = "campaign_day"
        unique_together = (("campaign", "day"),)
