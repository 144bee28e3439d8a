"""The rollout in numbers: a log of the steps that invitations reach, and the counts that are made of it."""

from tortoise import fields
from tortoise.models import Model


class RolloutEntry(Model):
    """One invitation that reached a step, until it is counted (`rollout.count_entries`).

    `previous` and `since`: its furthest step before, and when it reached that one; null where that is not known.
    """

    id = fields.BigIntField(primary_key=True)
    invited_at = fields.DatetimeField()
    campaign_id = fields.UUIDField(null=True)
    previous = fields.SmallIntField()
    step = fields.SmallIntField()
    since = fields.DatetimeField(null=True)
    at = fields.DatetimeField()

    class Meta:
        table = "rollout_entry"


class RolloutCount(Model):
    """How many invitations of one day reached a step, by the time that they took for it.

    `day`: the day of the invitation in UTC, such as "2026-12-01"; for `rollout.ENROLLMENTS` the day of the enrollment.
    `campaign_id`: `rollout.ALL` for all invitations together. `bucket`: number of the time in `rollout.BUCKETS`;
    `rollout.NO_TIME` where the time is not known.
    """

    id = fields.BigIntField(primary_key=True)
    campaign_id = fields.UUIDField()
    day = fields.CharField(max_length=10)
    step = fields.SmallIntField()
    bucket = fields.SmallIntField()
    number = fields.IntField()

    class Meta:
        table = "rollout_count"
        unique_together = (("campaign_id", "day", "step", "bucket"),)
