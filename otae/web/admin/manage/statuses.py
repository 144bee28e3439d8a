"""The console's titles of states, in display order."""

from typing import Final

from otae.translatable import N_

#: Status of an invitation → its title.
STATUSES: Final = {
    "pending": N_("Pending"),
    "redeemed": N_("Redeemed"),
    "expired": N_("Expired"),
    "revoked": N_("Revoked"),
    "failed": N_("Failed"),
}
OWNERSHIPS: Final = {"corporate": N_("Corporate"), "employee": N_("Employee")}
PLATFORMS: Final = {"macos": N_("macOS")}
