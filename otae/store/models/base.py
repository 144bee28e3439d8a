"""What every table has in common."""

from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model


class Row(Model):
    """A row with an id made before it is written, so that sealed values can be bound to it."""

    id: UUID = fields.UUIDField(primary_key=True, default=uuid4)

    class Meta:
        abstract = True
