"""The one-time challenges of enrollment sessions."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row
from otae.store.models.certificates import Certificate
from otae.store.models.enrollment import EnrollmentSession


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
