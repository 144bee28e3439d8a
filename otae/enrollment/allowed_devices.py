"""Which devices may enroll: Macs, within macos.minimum.version, macos.refused.models and the rules of `mac_rules`.

In phase 2 a Mac names its build, which gives the major version only; at Authenticate it names the version. Both are
claims: a Mac that lies about them gets nothing that it could not have had anyway. A simulated Mac has no macOS, so
rehearsals are exempt.
"""

import re
from collections.abc import Iterable
from typing import Final

from otae.errors import MacTooOld, ModelRefused, PlatformRefused
from otae.invitations import mac_rules
from otae.store import properties
from otae.store.models import EnrollmentSession
from otae.store.properties import MODEL

_BUILD: Final = re.compile(r"([0-9]{1,3})[A-Z]")
_VERSION: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}")
#: Darwin 20 came with macOS 11, Darwin 24 with 15; with Darwin 25 macOS was named for its year, 26.
_DARWIN_OF_MACOS_11, _DARWIN_OF_MACOS_26 = 20, 25
#: Prefixes, in lower case, of Apple products that are no Macs; every other product counts as a Mac.
_OTHER_PREFIXES: Final = ("iphone", "ipad", "ipod", "appletv", "watch", "realitydevice", "audioaccessory")


def check_platform(*products: str) -> None:
    """Raise PlatformRefused if a product name belongs to a device that is no Mac; unknown and empty names pass."""
    for product in products:
        if product.lower().startswith(_OTHER_PREFIXES):
            raise PlatformRefused(f"product {product}")


async def check_built(session: EnrollmentSession, build: str, product: str) -> None:
    """Check a Mac by its ``build`` ("22A380") and ``product``.

    Raises:
        MacTooOld: The build is too old, or not a build while a minimum version is set.
        ModelRefused: The model is refused.
    """
    if session.rehearsal:
        return
    minimum = await _rules([product])
    major = major_of(build)
    if minimum and (major is None or major < minimum[0]):
        raise MacTooOld(f"build {build}, macOS {'.'.join(map(str, minimum))} is asked for")


async def check_reported(session: EnrollmentSession, os_version: str, products: Iterable[str]) -> None:
    """Check a Mac by its version ("13.6.1") and product names. Raises as `check_built`."""
    if session.rehearsal:
        return
    minimum = await _rules(products)
    has = _numbers(os_version) if _VERSION.fullmatch(os_version) else ()
    if has < minimum:
        raise MacTooOld(f"macOS {os_version or 'unknown'}, {'.'.join(map(str, minimum))} is asked for")


async def check_mac(session: EnrollmentSession, serial: str, udid: str) -> None:
    """Check a Mac by its serial number, "" for none, and the person by how many other Macs they have.

    Raises:
        OwnershipRefused, SerialRefused, SerialUnlisted, TooManyMacs: As `mac_rules`.
    """
    if session.rehearsal:
        return
    await mac_rules.check_ownership(session.ownership)
    await mac_rules.check_serial(session.ownership, serial)
    await mac_rules.check_number(session.person_id, udid=udid)


def major_of(build: str) -> int | None:
    """Return the major macOS version of a build, 10 for all before macOS 11; None when it is not a build."""
    found = _BUILD.match(build)
    if found is None:
        return None
    darwin = int(found[1])
    if darwin < _DARWIN_OF_MACOS_11:
        return 10
    return darwin + 1 if darwin >= _DARWIN_OF_MACOS_26 else darwin - 9


async def _rules(products: Iterable[str]) -> tuple[int, ...]:
    """Return the oldest version that may enroll, () for any. Raises ModelRefused."""
    rules = await properties.read_some("macos.minimum.version", "macos.refused.models")
    refused = {model.lower() for model in MODEL.findall(str(rules["macos.refused.models"]))}
    refused_products = [product for product in products if product.lower() in refused]
    if refused_products:
        raise ModelRefused(f"model {refused_products[0]}")
    return _numbers(str(rules["macos.minimum.version"])) if rules["macos.minimum.version"] else ()


def _numbers(version: str) -> tuple[int, ...]:
    """Return the parts of a version without trailing zeros, so that 14 and 14.0 are equal."""
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
