"""What a management server may see and do on a Mac: the bits of AccessRights, and what each of them means.

https://developer.apple.com/documentation/devicemanagement/mdm
"""

from collections.abc import Mapping
from typing import Final

from otae.translatable import N_, joined

INSPECT_PROFILES, CHANGE_PROFILES, LOCK, ERASE = 1, 2, 4, 8
DEVICE_INFORMATION, NETWORK_INFORMATION = 16, 32
INSPECT_PROVISIONING, CHANGE_PROVISIONING = 64, 128
INSPECT_APPS, RESTRICTIONS, SECURITY, SETTINGS, MANAGE_APPS = 256, 512, 1024, 2048, 4096
ALL: Final = 8191
#: The default for a Mac that belongs to its user: no lock, no erase, no apps.
EMPLOYEE: Final = ALL & ~(LOCK | ERASE | INSPECT_APPS | MANAGE_APPS)
#: Renewing a Mac's certificate, and confirming what is installed, need these.
NECESSARY: Final = INSPECT_PROFILES | CHANGE_PROFILES | DEVICE_INFORMATION | SECURITY
#: A right → the right that Apple asks for with it.
_WITH: Final = {CHANGE_PROFILES: INSPECT_PROFILES, CHANGE_PROVISIONING: INSPECT_PROVISIONING}

#: Each right with its meaning, as administrators and people read it; first what is seen, then what is done.
MEANINGS: Final[Mapping[int, str]] = {
    DEVICE_INFORMATION: N_("See the Mac's name, model, serial number, macOS version and free space"),
    INSPECT_PROFILES: N_("See which configuration profiles and certificates are installed"),
    SECURITY: N_("See security settings, such as disk encryption and firewall"),
    NETWORK_INFORMATION: N_("See the hardware addresses of its network interfaces"),
    INSPECT_APPS: N_("See which apps are installed"),
    RESTRICTIONS: N_("See which restrictions apply"),
    INSPECT_PROVISIONING: N_("See installed provisioning profiles, which let apps run"),
    CHANGE_PROFILES: N_("Install and remove configuration profiles, such as Wi-Fi, mail accounts or password rules"),
    SETTINGS: N_("Change settings, such as the Mac's name"),
    MANAGE_APPS: N_("Install apps and remove them again"),
    CHANGE_PROVISIONING: N_("Install and remove provisioning profiles, which let apps run"),
    LOCK: N_("Lock, restart or shut down the Mac"),
    ERASE: N_("Erase the Mac with everything on it"),
}


def meanings(rights: int) -> list[str]:
    """Return what each bit in ``rights`` means."""
    return [words for right, words in MEANINGS.items() if rights & right]


def missing(rights: int) -> int:
    """Return the bits that have to be added to ``rights``, 0 for none.

    Macs accept some rights only together with certain others.
    """
    return sum({needed for right, needed in _WITH.items() if rights & right and not rights & needed})


def problem(rights: int) -> str:
    """Return why ``rights`` are too few to manage a Mac with, "" when they are not."""
    if gaps := NECESSARY & ~rights:
        return N_(
            "renewing certificates and confirming the enrollment need also: %(rights)s", rights=_with_numbers(gaps)
        )
    if gaps := missing(rights):
        return N_("Macs refuse these rights without: %(rights)s", rights=_with_numbers(gaps))
    return ""


def _with_numbers(rights: int) -> str:
    return joined(
        N_("%(meaning)s (%(number)d)", meaning=words, number=right)
        for right, words in MEANINGS.items()
        if rights & right
    )
