"""Macs and their enrollments."""

from typing import ClassVar
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from otae.store.models.base import Row, Searched, SearchedManager
from otae.store.models.certificates import Certificate
from otae.store.models.enrollment import EnrollmentSession
from otae.store.models.people import Person


class Device(Searched):
    """One Mac, known by its UDID.

    `person_id`, `status`, `ownership` and `enrolled_at` are those of its current enrollment (`mdm.current`), so that
    lists find and sort Macs by them; "" and null without one. `rescued_at`: when its person was last invited again
    because it was in trouble.
    """

    searched: ClassVar = ("serial", "udid", "name")

    udid = fields.CharField(max_length=64, unique=True)
    serial = fields.CharField(max_length=64, default="", db_index=True)
    name = fields.CharField(max_length=200, default="")
    model = fields.CharField(max_length=64, default="")
    model_name = fields.CharField(max_length=100, default="")
    os_version = fields.CharField(max_length=32, default="")
    build = fields.CharField(max_length=32, default="")
    rehearsal = fields.BooleanField(default=False)
    released = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    rescued_at = fields.DatetimeField(null=True)
    person_id = fields.UUIDField(null=True)
    status = fields.CharField(max_length=16, default="", db_default="")
    ownership = fields.CharField(max_length=16, default="", db_default="")
    enrolled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "device"
        manager = SearchedManager()
        indexes = (
            ("rehearsal", "created_at", "id"), ("rehearsal", "seen_at", "id"), ("serial", "created_at", "id"),
            ("status", "created_at", "id"), ("ownership", "created_at", "id"), ("os_version", "created_at", "id"),
            ("model_name", "created_at", "id"), ("enrolled_at", "created_at", "id"), ("person_id",),
        )  # fmt: skip


class ListedSerial(Model):
    """A serial number on the list of the organization's Macs ("company"), or of those that may not enroll ("refused").

    `key`: the serial number as it is compared; `serial`: as it was entered.
    """

    key = fields.CharField(max_length=64, primary_key=True)
    serial = fields.CharField(max_length=64)
    kind = fields.CharField(max_length=16)
    note = fields.CharField(max_length=200, default="")
    created_by = fields.CharField(max_length=100)
    created_at = fields.DatetimeField()

    class Meta:
        table = "listed_serial"
        indexes = (("kind", "key"),)


class Enrollment(Row):
    """One period of a Mac under management.

    `certificate`: the pinned MDM identity; `previous_certificate`: the one before its renewal. `push_token_sealed` and
    `push_magic_sealed` come with TokenUpdate; they and `bootstrap_token_sealed` are sealed for purposes of their names.
    `ended_by`: "profile" (it was removed on the Mac), "administrator", "again" (the Mac was enrolled again), "" while
    it runs or for older rows. `trouble`: "identity" (its certificate ends soon and was not renewed), "removed" (its
    profile was), "silent", null for none or when somebody has seen to it; `trouble_at`: since when.
    """

    device_id: UUID
    device: "fields.ForeignKeyRelation[Device]" = fields.ForeignKeyField(
        "otae.Device", related_name="enrollments", on_delete=fields.CASCADE
    )
    session_id: UUID
    session: "fields.ForeignKeyRelation[EnrollmentSession]" = fields.ForeignKeyField(
        "otae.EnrollmentSession", related_name="enrollments", on_delete=fields.CASCADE
    )
    person_id: UUID
    person: "fields.ForeignKeyRelation[Person]" = fields.ForeignKeyField(
        "otae.Person", related_name="enrollments", on_delete=fields.CASCADE
    )
    certificate_id: UUID
    certificate: "fields.ForeignKeyRelation[Certificate]" = fields.ForeignKeyField(
        "otae.Certificate", related_name="enrollments", on_delete=fields.RESTRICT
    )
    previous_certificate_id: UUID | None
    previous_certificate: "fields.ForeignKeyNullableRelation[Certificate]" = fields.ForeignKeyField(
        "otae.Certificate", related_name="replaced_enrollments", null=True, on_delete=fields.SET_NULL
    )
    ownership = fields.CharField(max_length=16)
    status = fields.CharField(max_length=16, default="authenticated")
    topic = fields.CharField(max_length=255)
    push_token_sealed = fields.BinaryField(null=True)
    push_magic_sealed = fields.BinaryField(null=True)
    bootstrap_token_sealed = fields.BinaryField(null=True)
    rehearsal = fields.BooleanField(default=False)
    authenticated_at = fields.DatetimeField(db_index=True)
    enrolled_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.CharField(max_length=16, default="", db_default="")
    trouble = fields.CharField(max_length=10, null=True)
    trouble_at = fields.DatetimeField(null=True)

    class Meta:
        table = "enrollment"
        indexes = (
            ("device_id",), ("session_id",), ("person_id",), ("certificate_id",), ("previous_certificate_id",),
            ("status", "rehearsal", "id"), ("trouble", "trouble_at", "id"),
        )  # fmt: skip


class Command(Row):
    """A command for a Mac. The id is the CommandUUID; its content is built when it is sent, and never stored.

    `status`: "queued", "sent", "notnow", "acknowledged", "error". `purpose`: "renewal".
    """

    enrollment_id: UUID
    enrollment: "fields.ForeignKeyRelation[Enrollment]" = fields.ForeignKeyField(
        "otae.Enrollment", related_name="commands", on_delete=fields.CASCADE
    )
    request_type = fields.CharField(max_length=64)
    purpose = fields.CharField(max_length=16)
    status = fields.CharField(max_length=16, default="queued")
    created_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)
    answered_at = fields.DatetimeField(null=True)

    class Meta:
        table = "command"
        indexes = (("enrollment_id", "status"), ("purpose", "created_at"))


class UserChannel(Row):
    """The MDM user channel of one account on an enrolled Mac."""

    enrollment_id: UUID
    enrollment: "fields.ForeignKeyRelation[Enrollment]" = fields.ForeignKeyField(
        "otae.Enrollment", related_name="user_channels", on_delete=fields.CASCADE
    )
    user_id = fields.CharField(max_length=64)
    short_name = fields.CharField(max_length=200, default="")
    long_name = fields.CharField(max_length=200, default="")
    push_token_sealed = fields.BinaryField(null=True)
    push_magic_sealed = fields.BinaryField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "user_channel"
        unique_together = (("enrollment", "user_id"),)
