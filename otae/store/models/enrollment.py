"""Enrollment sessions."""

from typing import ClassVar
from uuid import UUID

from tortoise import fields

from otae.store.models.base import Searched, SearchedManager
from otae.store.models.invitations import Invitation
from otae.store.models.people import Person


class EnrollmentSession(Searched):
    """One sign-in and the enrollment of one Mac that follows from it. `way`: "ota" or "profile".

    `access_rights`: the AccessRights in its MDM payload, the same in every renewal. `terms_of_use_language`,
    `terms_of_use_version` and `terms_of_use_sha256` say which terms of use were accepted; null for none.
    """

    searched: ClassVar = ("serial", "udid")

    person_id: UUID
    person: "fields.ForeignKeyRelation[Person]" = fields.ForeignKeyField(
        "otae.Person", related_name="sessions", on_delete=fields.CASCADE
    )
    invitation_id: UUID | None
    invitation: "fields.ForeignKeyNullableRelation[Invitation]" = fields.ForeignKeyField(
        "otae.Invitation", related_name="sessions", null=True, on_delete=fields.CASCADE
    )
    mode = fields.CharField(max_length=32)
    ownership = fields.CharField(max_length=16)
    access_rights = fields.IntField(default=8191)
    way = fields.CharField(max_length=10)
    rehearsal = fields.BooleanField(default=False)
    status = fields.CharField(max_length=16, default="opened")
    udid = fields.CharField(max_length=64, null=True, db_index=True)
    serial = fields.CharField(max_length=64, null=True)
    product = fields.CharField(max_length=64, null=True)
    build = fields.CharField(max_length=32, null=True)
    refusal = fields.CharField(max_length=40, null=True)
    support_code = fields.CharField(max_length=8, null=True, db_index=True)
    opened_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    profile_fetched_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    terms_of_use_language = fields.CharField(max_length=20, null=True)
    terms_of_use_version = fields.IntField(null=True)
    terms_of_use_sha256 = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "enrollment_session"
        manager = SearchedManager()
        indexes = (("person_id",), ("invitation_id", "opened_at"), ("status", "opened_at", "id"))
