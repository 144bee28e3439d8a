"""Enrollment sessions and their one-time challenges."""

from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row, Searched, SearchedManager

if TYPE_CHECKING:
    from otae.store.models.certificates import Certificate
    from otae.store.models.invitations import Invitation
    from otae.store.models.people import Person


class EnrollmentSession(Searched):
    """One sign-in and the enrollment of one Mac that follows from it. `way`: "ota" or "profile"."""

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

    class Meta:
        table = "enrollment_session"
        manager = SearchedManager()
        indexes = (("person_id",), ("invitation_id", "opened_at"), ("status", "opened_at", "id"))


class Challenge(Row):
    """A one-time secret inside a profile, stored as its SHA-256 (hex).

    `purpose`: "ota" (phase 2), "ota-identity" (SCEP of phase 2), "mdm-identity" (SCEP of phase 3), "renewal".
    `transaction_id`, `key_hash` and `signer_hash` (SHA-256, hex, of the request's public key and of its signer's) are
    those of the request that used it, so that a retransmission gets the same certificate.
    """

    session_id: UUID
    session: "fields.ForeignKeyRelation[EnrollmentSession]" = fields.ForeignKeyField(
        "otae.EnrollmentSession", related_name="challenges", on_delete=fields.CASCADE
    )
    secret_hash = fields.CharField(max_length=64, unique=True)
    purpose = fields.CharField(max_length=16)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    transaction_id = fields.CharField(max_length=255, null=True)
    key_hash = fields.CharField(max_length=64, null=True)
    signer_hash = fields.CharField(max_length=64, null=True)
    certificate_id: UUID | None
    certificate: "fields.ForeignKeyNullableRelation[Certificate]" = fields.ForeignKeyField(
        "otae.Certificate", related_name="challenges", null=True, on_delete=fields.SET_NULL
    )

    class Meta:
        table = "challenge"
        indexes = (("session_id",), ("certificate_id",))
