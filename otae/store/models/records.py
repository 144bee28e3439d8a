"""Events, audit log, jobs, counters, server properties and heartbeats."""

from tortoise import fields
from tortoise.models import Model

from otae.store.models.base import Row


class Event(Model):
    """One thing that happened to an invitation. Ids are plain values, not foreign keys: an event outlives its rows."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField(db_index=True)
    kind = fields.CharField(max_length=40)
    invitation_id = fields.UUIDField(null=True, db_index=True)
    session_id = fields.UUIDField(null=True, db_index=True)
    device_id = fields.UUIDField(null=True, db_index=True)
    person_id = fields.UUIDField(null=True, db_index=True)
    code = fields.CharField(max_length=40, default="")
    support_code = fields.CharField(max_length=8, default="", db_index=True)
    actor = fields.CharField(max_length=100, default="")
    detail = fields.CharField(max_length=500, default="")
    rehearsal = fields.BooleanField(default=False)

    class Meta:
        table = "event"


class AuditEntry(Model):
    """Who did what to keys, people, invitations and settings. `id`: 1, 2, 3 without a gap.

    `previous`: the `mac` of the entry before; `mac`: HMAC-SHA256 (hex) over it and everything else in the row.
    `part_of`: the entry of a bulk action that this one belongs to. `erased`: "" or, after a person's data was erased
    from the texts, an HMAC over the texts as they are now and the `mac` of what they were.
    """

    id = fields.BigIntField(primary_key=True, generated=False)
    at = fields.DatetimeField(db_index=True)
    actor = fields.CharField(max_length=100)
    action = fields.CharField(max_length=60)
    subject = fields.CharField(max_length=200, default="")
    detail = fields.CharField(max_length=500, default="")
    previous = fields.CharField(max_length=64)
    mac = fields.CharField(max_length=64)
    part_of = fields.BigIntField(null=True)
    erased = fields.CharField(max_length=64, default="", db_default="")

    class Meta:
        table = "audit_entry"
        indexes = (("part_of", "id"), ("actor", "part_of", "id"), ("action", "id"), ("subject", "id"))


class AuditHead(Model):
    """Where the audit log ends, in one row: how many entries, the last one's `mac`, and a `seal` (HMAC) over both."""

    id = fields.IntField(primary_key=True, generated=False)
    count = fields.BigIntField()
    mac = fields.CharField(max_length=64)
    seal = fields.CharField(max_length=64)

    class Meta:
        table = "audit_head"


class Job(Row):
    """Work that may take longer than a second; a page polls for its result."""

    kind = fields.CharField(max_length=40)
    status = fields.CharField(max_length=10, default="queued")
    input: "fields.JSONField[dict[str, object]]" = fields.JSONField(default=dict)
    output: "fields.JSONField[dict[str, object]]" = fields.JSONField(default=dict)
    created_by = fields.CharField(max_length=100)
    created_at = fields.DatetimeField(db_index=True)
    lease_until = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "job"


class Counter(Model):
    """Failures under one key, changed by conditional updates only (`failure_counters`).

    `window_start`: begin of the window, or time of the newest failure in a row. `network`: where the attempts came
    from, for keys that a stranger can invent; null for all others.
    """

    key = fields.CharField(max_length=200, primary_key=True)
    failures = fields.IntField(default=0)
    window_start = fields.DatetimeField()
    blocked_until = fields.DatetimeField(null=True)
    network = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "counter"
        indexes = (("blocked_until",),)


class Property(Model):
    """A server property that differs from its default."""

    name = fields.CharField(max_length=60, primary_key=True)
    value = fields.CharField(max_length=500)
    changed_at = fields.DatetimeField(null=True)
    changed_by = fields.CharField(max_length=100, default="", db_default="")

    class Meta:
        table = "property"


class Heartbeat(Model):
    """When a process was last seen alive. `name`: role, machine and process id.

    `done`, `done_at`: the task it last finished; `doing`, `doing_since`: the task that has been running longest;
    `key_ids`: ids of the master keys it was started with, separated by commas, first the one that seals.
    """

    name = fields.CharField(max_length=100, primary_key=True)
    role = fields.CharField(max_length=10)
    at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    done = fields.CharField(max_length=60, default="", db_default="")
    done_at = fields.DatetimeField(null=True)
    doing = fields.CharField(max_length=60, default="", db_default="")
    doing_since = fields.DatetimeField(null=True)
    key_ids = fields.CharField(max_length=200, default="", db_default="")

    class Meta:
        table = "heartbeat"
