"""Certificates issued or imported here, and the installation's sealed secrets."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row
from otae.store.models.enrollment import EnrollmentSession


class Certificate(Row):
    """A certificate, identified by `sha256` and never by its subject.

    `purpose`: "root", "device-ca", "service-ca", "ra", "profile-signer", "tls", "push", "ota-identity", "mdm-identity",
    and "imported-issuer" for the chain of an uploaded profile signer or TLS certificate.
    `state`: "reserved" (serial number and subject stored, nothing signed yet), "issued", "revoked".
    `serial_number`: hex, unique per issuer (imported certificates have no issuer here).
    `active`: the one in use for its purpose, among those whose key is held here.
    `key_sealed`: PKCS#8 DER, purpose "key".
    """

    purpose = fields.CharField(max_length=20, db_index=True)
    state = fields.CharField(max_length=10, default="issued")
    active = fields.BooleanField(default=False)
    serial_number = fields.CharField(max_length=40)
    subject = fields.CharField(max_length=300)
    sha256 = fields.CharField(max_length=64, null=True, unique=True)
    der = fields.BinaryField(null=True)
    key_sealed = fields.BinaryField(null=True)
    not_before = fields.DatetimeField()
    not_after = fields.DatetimeField(db_index=True)
    issuer_id: UUID | None
    issuer: "fields.ForeignKeyNullableRelation[Certificate]" = fields.ForeignKeyField(
        "otae.Certificate", related_name="issued", null=True, on_delete=fields.RESTRICT
    )
    session_id: UUID | None
    session: "fields.ForeignKeyNullableRelation[EnrollmentSession]" = fields.ForeignKeyField(
        "otae.EnrollmentSession", related_name="certificates", null=True, on_delete=fields.SET_NULL
    )
    created_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    revocation_reason = fields.CharField(max_length=40, null=True)

    class Meta:
        table = "certificate"
        unique_together = (("issuer", "serial_number"),)
        indexes = (
            ("issuer_id", "revoked_at"), ("session_id",), ("serial_number",), ("created_at", "id"),
            ("state", "created_at", "id"), ("state", "not_after", "id"),
        )  # fmt: skip


class InstallationSecret(Row):
    """A secret of this installation, sealed (purpose "secret"): "key-check", "pepper", "cookie", "audit"."""

    name = fields.CharField(max_length=40, unique=True)
    value_sealed = fields.BinaryField()

    class Meta:
        table = "installation_secret"
