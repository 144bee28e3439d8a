"""What the organization may see and do on an enrolled Mac, and what not, as its user reads it."""

from dataclasses import dataclass
from typing import Final

from otae.apple import access_rights
from otae.translatable import N_

#: What macOS lets every management server do that a person has approved, whatever its rights.
ALWAYS: Final = (
    N_("See the names of the user accounts on the Mac, and remove an account"),
    N_("Turn on and off whether its screen can be shared over the network (Remote Desktop)"),
    N_("Install updates of macOS"),
)
#: What macOS lets no management server see.
NEVER: Final = (
    N_("Read your files, photos, mails or messages"),
    N_("See which web pages you visit"),
    N_("See your passwords"),
    N_("See where the Mac is"),
)


@dataclass(frozen=True)
class RightsSummary:
    """What the organization may do on a Mac and what not, a line each. ``employee``: the Mac belongs to its user."""

    allowed: list[str]
    withheld: list[str]
    employee: bool


def summary(rights: int, ownership: str) -> RightsSummary:
    """Return what ``rights`` (a sum of AccessRights) mean on a Mac of this ownership."""
    withheld = [*NEVER, *access_rights.meanings(~rights)]
    return RightsSummary([*access_rights.meanings(rights), *ALWAYS], withheld, ownership == "employee")
