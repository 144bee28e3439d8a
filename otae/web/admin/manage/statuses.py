"""The console's titles of states, in display order."""

from typing import Final

from otae.words import gettext as _

#: Status of an invitation → its title.
STATUSES: Final = {
    "pending": _("Pending"),
    "redeemed": _("Redeemed"),
    "expired": _("Expired"),
    "revoked": _("Revoked"),
    "failed": _("Failed"),
}
OWNERSHIPS: Final = {"corporate": _("Corporate"), "employee": _("Employee")}
PLATFORMS: Final = {"macos": _("macOS")}
