"""Imported files of people: their lines, what each would change, and its outcome."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row


class PeopleImport(Row):
    """One imported file. `kind`: "users", "properties" (the formats of provisioning files) or "csv" (with headings).

    `status`: "reading" (lines of `file_sealed`, purpose "people-import.file", wiped afterwards), "checking" (comparing
    each with the people that exist), "ready" (nothing written yet), "importing", "done", "cancelled".
    `rows`: lines read so far. `lease_until`: until when one worker holds the next step.
    """

    kind = fields.CharField(max_length=12)
    file_name = fields.CharField(max_length=200)
    encoding = fields.CharField(max_length=12)
    file_sealed = fields.BinaryField(null=True)
    status = fields.CharField(max_length=12, default="reading")
    rows = fields.IntField(default=0)
    lease_until = fields.DatetimeField(null=True)
    created_by = fields.CharField(max_length=100)
    created_at = fields.DatetimeField(db_index=True)
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "people_import"
        indexes = (("status", "lease_until"),)


class PeopleImportLine(Row):
    """One line of an imported file. `number`: the line number. `given`: its values, without the password.

    `password_sealed` (purpose "people-import.password") is wiped when the password was hashed or is the current one.
    `status`: "listed" (not compared yet); "new", "changed", "unchanged", "refused" (with `reason`); after the import
    "added" and "saved". `changes`: names of the fields that differ.
    """

    people_import_id: UUID
    people_import: "fields.ForeignKeyRelation[PeopleImport]" = fields.ForeignKeyField(
        "otae.PeopleImport", related_name="lines", on_delete=fields.CASCADE
    )
    number = fields.IntField()
    name = fields.CharField(max_length=100)
    given: "fields.JSONField[dict[str, object]]" = fields.JSONField(default=dict)
    password_sealed = fields.BinaryField(null=True)
    status = fields.CharField(max_length=10, default="listed")
    changes: "fields.JSONField[list[str]]" = fields.JSONField(default=list)
    reason = fields.CharField(max_length=200, default="")
    person_id = fields.UUIDField(null=True, db_index=True)

    class Meta:
        table = "people_import_line"
        unique_together = (("people_import", "number"),)
        indexes = (("people_import_id", "status", "number"), ("people_import_id", "name"))
