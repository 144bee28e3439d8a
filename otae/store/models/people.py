"""People and groups; `domain`: "local", or the directory that they come from."""

from typing import ClassVar
from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row, Searched, SearchedManager


class Person(Searched):
    """Somebody who may be invited. `name`: the user name, in lower case.

    `directory_id`: the permanent id in a directory (entryUUID, or objectGUID in hex), null for local people.
    `properties`: further facts about a local person, from provisioning files. `language`: a BCP 47 tag, "" for the
    installation's. `removed_at`: when names and addresses were blanked; `erased_at`: when what was left, such
    as networks in the timeline, was erased.
    """

    searched: ClassVar = ("name", "display_name", "email")

    domain = fields.CharField(max_length=100, default="local")
    directory_id = fields.CharField(max_length=64, null=True)
    name = fields.CharField(max_length=100)
    display_name = fields.CharField(max_length=200)
    email = fields.CharField(max_length=254, null=True)
    phone = fields.CharField(max_length=32, null=True)
    language = fields.CharField(max_length=20, default="")
    properties: "fields.JSONField[dict[str, str]]" = fields.JSONField(default=dict)
    role = fields.CharField(max_length=32, default="USER")
    password_hash = fields.CharField(max_length=255, null=True)
    disabled = fields.BooleanField(default=False)
    rehearsal = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()
    signed_in_at = fields.DatetimeField(null=True)
    removed_at = fields.DatetimeField(null=True)
    erased_at = fields.DatetimeField(null=True)

    class Meta:
        table = "person"
        manager = SearchedManager()
        unique_together = (("domain", "name"), ("domain", "directory_id"))
        indexes = (
            ("name", "domain"),
            ("role", "name", "domain"),
            ("disabled", "name", "domain"),
            ("rehearsal", "created_at"),
        )


class PasswordLink(Row):
    """A one-time link with which a person chooses a password. `maker_id`: as in `SetupLink`."""

    token_hash = fields.CharField(max_length=64, unique=True)
    person_id: UUID
    person: "fields.ForeignKeyRelation[Person]" = fields.ForeignKeyField(
        "otae.Person", related_name="password_links", on_delete=fields.CASCADE
    )
    maker_id = fields.UUIDField(null=True)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "password_link"
        indexes = (("person_id",),)


class Group(Row):
    """A named set of people. A dot in the name makes a sub-group: "sales.north" is a sub-group of "sales".

    With a domain other than "local" it is a directory's group that roles are limited to; `checked_at`: when its members
    were last read from there.
    """

    domain = fields.CharField(max_length=100, default="local")
    name = fields.CharField(max_length=100)
    checked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "people_group"
        unique_together = (("domain", "name"),)


class Membership(Row):
    """One person in one group."""

    group_id: UUID
    group: "fields.ForeignKeyRelation[Group]" = fields.ForeignKeyField(
        "otae.Group", related_name="memberships", on_delete=fields.CASCADE
    )
    person_id: UUID
    person: "fields.ForeignKeyRelation[Person]" = fields.ForeignKeyField(
        "otae.Person", related_name="memberships", on_delete=fields.CASCADE
    )

    class Meta:
        table = "membership"
        unique_together = (("group", "person"),)
        indexes = (("person_id",),)
