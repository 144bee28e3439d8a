"""People and groups, local ones; `domain` is where they come from."""

from uuid import UUID

from tortoise import fields

from otae.store.models.base import Row


class Person(Row):
    """Somebody who may be invited. `name` is the user name, kept in lower case."""

    domain = fields.CharField(max_length=100, default="local")
    name = fields.CharField(max_length=100)
    display_name = fields.CharField(max_length=200)
    email = fields.CharField(max_length=254, null=True)
    phone = fields.CharField(max_length=32, null=True)
    password_hash = fields.CharField(max_length=255, null=True)
    disabled = fields.BooleanField(default=False)
    rehearsal = fields.BooleanField(default=False)
    created_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "person"
        unique_together = (("domain", "name"),)


class Group(Row):
    """A named set of people."""

    domain = fields.CharField(max_length=100, default="local")
    name = fields.CharField(max_length=100)

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
