"""Administrators and their roles, one-time setup links, and the signed-in browsers of console and portal."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row
from otae.store.models.enrollment import EnrollmentSession


class Administrator(Row):
    """Somebody who may use the console.

    `domain`: "local", or the directory that checks the password; then `password_hash` is "" and `directory_id` the
    permanent id there. `display_name`: for the people whom they invite, "" when not known. `email`: where notices about
    their failed invitations go. `checked_at`: when the directory last confirmed account and role, null for local
    administrators. `time_zone`, `language`: of the console, "" for the browser's. `second_factor_at`: when the first of
    their second factors was set up, null without one. `totp_sealed`: the key of their one-time codes (purpose
    "administrator.totp"); `totp_step`: the last time step of which a code was taken.
    """

    name = fields.CharField(max_length=100, unique=True)
    domain = fields.CharField(max_length=100, default="local")
    directory_id = fields.CharField(max_length=64, null=True)
    role = fields.CharField(max_length=32, default="ADMIN")
    display_name = fields.CharField(max_length=200, default="")
    email = fields.CharField(max_length=254, null=True)
    password_hash = fields.CharField(max_length=255)
    created_at = fields.DatetimeField()
    disabled = fields.BooleanField(default=False)
    checked_at = fields.DatetimeField(null=True)
    time_zone = fields.CharField(max_length=64, default="", db_default="")
    language = fields.CharField(max_length=16, default="", db_default="")
    second_factor_at = fields.DatetimeField(null=True)
    totp_sealed = fields.BinaryField(null=True)
    totp_step = fields.BigIntField(null=True)

    class Meta:
        table = "administrator"


class RecoveryCode(Row):
    """A code that stands in for a second factor once. `code_hash`: a keyed hash, see `accounts.recovery_codes`."""

    administrator_id: UUID
    administrator: "fields.ForeignKeyRelation[Administrator]" = fields.ForeignKeyField(
        "otae.Administrator", related_name="recovery_codes", on_delete=fields.CASCADE
    )
    code_hash = fields.CharField(max_length=64, unique=True)
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "recovery_code"
        indexes = (("administrator_id",),)


class Passkey(Row):
    """A passkey of an administrator (WebAuthn).

    `credential_id`: as base64url, found by `credential_hash`, its SHA-256 (hex). `public_key`: a COSE key.
    `sign_count`: the highest that it has sent, 0 for one that does not count.
    """

    administrator_id: UUID
    administrator: "fields.ForeignKeyRelation[Administrator]" = fields.ForeignKeyField(
        "otae.Administrator", related_name="passkeys", on_delete=fields.CASCADE
    )
    name = fields.CharField(max_length=60)
    credential_hash = fields.CharField(max_length=64, unique=True)
    credential_id = fields.TextField()
    public_key = fields.BinaryField()
    sign_count = fields.BigIntField(default=0)
    created_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "passkey"
        indexes = (("administrator_id",),)


class Role(Row):
    """A role made by an administrator; the built-in ones are in `otae.accounts.roles`.

    `permissions`: their names. `groups`: "DOMAIN/NAME" of the groups whose people it is limited to;
    empty for no limit. `second_factor`: whether its administrators need a second factor.
    """

    name = fields.CharField(max_length=32, unique=True)
    description = fields.CharField(max_length=200, default="")
    permissions: "fields.JSONField[list[str]]" = fields.JSONField(default=list)
    groups: "fields.JSONField[list[str]]" = fields.JSONField(default=list)
    second_factor = fields.BooleanField(default=False, db_default=False)
    created_at = fields.DatetimeField()

    class Meta:
        table = "role"


class RoleAssignment(Row):
    """A directory group whose members are administrators with a role. `group`: "DOMAIN/NAME"."""

    group = fields.CharField(max_length=300, unique=True)
    role = fields.CharField(max_length=32)
    created_at = fields.DatetimeField()

    class Meta:
        table = "role_assignment"


class SetupLink(Row):
    """A one-time link with which a new administrator chooses a name and a password.

    `maker_id`: the administrator who made it, null for the link of the first start and for those made by a command.
    """

    token_hash = fields.CharField(max_length=64, unique=True)
    administrator_name = fields.CharField(max_length=100, null=True)
    role = fields.CharField(max_length=32, default="ADMIN")
    maker_id = fields.UUIDField(null=True)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "setup_link"


class BrowserSession(Row):
    """A signed-in browser.

    `kind`: "console" (then `administrator` is set), "portal" (then `session` is), or "person" (then `person_id` is).
    `opened_from`: browser, system and network of a console, so that its administrator recognizes it.
    `password_changed`: of a person: as `DirectoryPerson.password_changed` when they signed in. `second_factor_at`: of
    a console: when a second factor was last entered in it.
    """

    secret_hash = fields.CharField(max_length=64, unique=True)
    kind = fields.CharField(max_length=10)
    administrator_id: UUID | None
    administrator: "fields.ForeignKeyNullableRelation[Administrator]" = fields.ForeignKeyField(
        "otae.Administrator", related_name="browsers", null=True, on_delete=fields.CASCADE
    )
    session_id: UUID | None
    session: "fields.ForeignKeyNullableRelation[EnrollmentSession]" = fields.ForeignKeyField(
        "otae.EnrollmentSession", related_name="browsers", null=True, on_delete=fields.CASCADE
    )
    person_id = fields.UUIDField(null=True)
    opened_from = fields.CharField(max_length=120, default="", db_default="")
    password_changed = fields.CharField(max_length=40, default="", db_default="")
    second_factor_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "browser_session"
        indexes = (("administrator_id",), ("session_id",), ("person_id",))


class KeptText(Row):
    """A form's text that a browser of the console gets back after a redirect; see `accounts.kept_texts`."""

    browser_id: UUID
    browser: "fields.ForeignKeyRelation[BrowserSession]" = fields.ForeignKeyField(
        "otae.BrowserSession", related_name="kept_texts", on_delete=fields.CASCADE
    )
    content = fields.TextField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "kept_text"
        indexes = (("browser_id",),)
