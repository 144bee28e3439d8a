"""Notices to administrators, and the mails that tell them."""

# ruff: noqa: ANN401 - columns are described by the ORM's own keywords

from typing import Any
from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


def own_id() -> tuple[str, Any]:
    return "id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)


def time(**options: Any) -> Any:
    return fields.DatetimeField(auto_now=False, auto_now_add=False, **options)


def reference(to: str, name: str, related_name: str, **options: Any) -> tuple[str, Any]:
    return name, fields.ForeignKeyField(
        to,
        source_field=f"{name}_id",
        db_constraint=True,
        to_field="id",
        related_name=related_name,
        on_delete=OnDelete.CASCADE,
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("otae", "0023_data_carried_along")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Notice",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("key", fields.CharField(unique=True, max_length=200)),
                ("kind", fields.CharField(max_length=20)),
                ("at", time(db_index=True)),
                ("person_id", fields.UUIDField(null=True, db_index=True)),
                ("device_id", fields.UUIDField(null=True)),
                ("invitation_id", fields.UUIDField(null=True)),
                ("subject", fields.CharField(default="", max_length=200)),
                ("detail", fields.CharField(default="", max_length=500)),
                ("told_already", fields.CharField(default="", max_length=254)),
                ("passed_on", fields.BooleanField(default=False)),
            ],
            options={
                "table": "notice",
                "app": "otae",
                "indexes": [Index(fields=["passed_on", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="NoticeChoice",
            fields=[
                own_id(),
                (
                    "administrator",
                    fields.OneToOneField(
                        "otae.Administrator",
                        source_field="administrator_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="notice_choice",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("choices", fields.JSONField(default=dict)),
                ("hour", fields.IntField(default=8)),
            ],
            options={"table": "notice_choice", "app": "otae", "pk_attr": "id"},
            bases=["Row"],
        ),
        ops.CreateModel(
            name="AdministratorMail",
            fields=[
                own_id(),
                reference("otae.Administrator", "administrator", "mails"),
                ("kind", fields.CharField(max_length=10)),
                ("recipient", fields.CharField(default="", max_length=254)),
                ("subject", fields.CharField(default="", max_length=300)),
                ("text", fields.TextField(default="", unique=False)),
                ("status", fields.CharField(default="queued", max_length=10)),
                ("attempt", fields.IntField(default=0)),
                ("lease_until", time(null=True)),
                ("next_try_at", time()),
                ("answer", fields.CharField(default="", max_length=500)),
                ("created_at", time(db_index=True)),
                ("sent_at", time(null=True)),
            ],
            options={
                "table": "administrator_mail",
                "app": "otae",
                "indexes": [
                    Index(fields=["status", "next_try_at"]),
                    Index(fields=["administrator_id", "kind", "created_at"]),
                ],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="NoticeReceipt",
            fields=[
                own_id(),
                reference("otae.Notice", "notice", "receipts"),
                reference("otae.Administrator", "administrator", "notice_receipts"),
                reference("otae.AdministratorMail", "mail", "receipts", null=True),
                ("due_at", time()),
            ],
            options={
                "table": "notice_receipt",
                "app": "otae",
                "unique_together": (("notice", "administrator"),),
                "indexes": [
                    Index(fields=["mail_id", "administrator_id", "due_at"]),
                    Index(fields=["administrator_id"]),
                ],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
    ]
