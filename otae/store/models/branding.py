"""What an organization shows of itself: its texts on the portal, and its logos."""

from datetime import datetime

from tortoise import fields

from otae.store.models.base import Row


class PortalText(Row):
    """One version of a text of the portal in one language; none is ever changed or deleted.

    `kind`: "help" or "terms-of-use"; `sha256`: of `text` in UTF-8; `replaced_at`: when a newer version or nothing took
    its place, null while it is shown.
    """

    kind = fields.CharField(max_length=16)
    language = fields.CharField(max_length=20)
    version = fields.IntField()
    text = fields.TextField()
    sha256 = fields.CharField(max_length=64)
    created_at: datetime = fields.DatetimeField()
    created_by = fields.CharField(max_length=100)
    replaced_at = fields.DatetimeField(null=True)

    class Meta:
        table = "portal_text"
        unique_together = (("kind", "language", "version"),)
        indexes = (("replaced_at", "kind"),)


class Logo(Row):
    """The logo for light or for dark pages. `theme`: "light" or "dark"; `image`: a PNG file; `sha256`: of `image`."""

    theme = fields.CharField(max_length=8, unique=True)
    image: bytes = fields.BinaryField()
    sha256 = fields.CharField(max_length=64)
    width = fields.IntField()
    height = fields.IntField()

    class Meta:
        table = "logo"
