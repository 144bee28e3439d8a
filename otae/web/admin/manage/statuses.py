"""States in the words of the console, in the order in which they are shown."""

from typing import Final

from otae.words import gettext as _

#: Status of an invitation → its word.
STATUSES: Final = {
    "pending": _("Pending"),
    "redeemed": _("Redeemed"),
    "expired": _("Expired"),
    "revoked": _("Revoked"),
    "failed": _("Failed"),
}
OWNERSHIPS: Final = {"corporate": _("Corporate"), "employee": _("Employee")}
PLATFORMS: Final = {"macos": _("macOS")}
