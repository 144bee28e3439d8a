"""Which devices may enroll: Macs, within the server properties macos.minimum.version and macos.refused.models.

In phase 2 a Mac names its build, which tells the major version alone; at Authenticate it names the version. Both are
claims: a Mac that lies about them only gets what it could have had anyway. A simulated Mac has no macOS: rehearsals are
let through.
"""

import re
from collections.abc import Iterable
from typing import Final

from otae.errors import MacTooOld, ModelRefused, PlatformRefused
from otae.store import properties
from otae.store.models import EnrollmentSession
from otae.store.properties import MODEL

_BUILD: Final = re.compile(r"([0-9]{1,3})[A-Z]")
_VERSION: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}")
#: Darwin 20 came with macOS 11, Darwin 24 with 15; with Darwin 25 macOS was named for its year, 26.
_FIRST_OF_ELEVEN, _FIRST_OF_TWENTY_SIX = 20, 25
#: How the products begin that Apple makes and that are no Macs, in lower case; whatever else there is counts as a Mac.
_OTHERS: Final = ("iphone", "ipad", "ipod", "appletv", "watch", "realitydevice", "audioaccessory")


def check_platform(*products: str) -> None:
    """See that a device which is called by ``products`` is a Mac; nothing and unknown names will do.

    Raises PlatformRefused.
    """
    for product in products:
        if product.lower().startswith(_OTHERS):
            raise PlatformRefused(f"product {product}")


async def check_built(session: EnrollmentSession, build: str, product: str) -> None:
    """See that a Mac which names its ``build`` ("22A380") and ``product`` may enroll.

    Raises MacTooOld, also for a build that says nothing when a version is asked for, or ModelRefused.
    """
    if session.rehearsal:
        return
    minimum = await _rules([product])
    major = major_of(build)
    if minimum and (major is None or major < minimum[0]):
        raise MacTooOld(f"build {build}, macOS {'.'.join(map(str, minimum))} is asked for")


async def check_reported(session: EnrollmentSession, os_version: str, products: Iterable[str]) -> None:
    """See that a Mac which names its version ("13.6.1") and what it is called may enroll; raises as ``check_built``."""
    if session.rehearsal:
        return
    minimum = await _rules(products)
    has = _numbers(os_version) if _VERSION.fullmatch(os_version) else ()
    if has < minimum:
        raise MacTooOld(f"macOS {os_version or 'unknown'}, {'.'.join(map(str, minimum))} is asked for")


def major_of(build: str) -> int | None:
    """Return the macOS version that a build belongs to, 10 for all before macOS 11; None when it is no build."""
    found = _BUILD.match(build)
    if found is None:
        return None
    darwin = int(found[1])
    if darwin < _FIRST_OF_ELEVEN:
        return 10
    return darwin + 1 if darwin >= _FIRST_OF_TWENTY_SIX else darwin - 9


async def _rules(products: Iterable[str]) -> tuple[int, ...]:
    """Return the oldest version that may enroll, () for any. Raises ModelRefused."""
    rules = await properties.read_some("macos.minimum.version", "macos.refused.models")
    refused = {model.lower() for model in MODEL.findall(str(rules["macos.refused.models"]))}
    found = [product for product in products if product.lower() in refused]
    if found:
        raise ModelRefused(f"model {found[0]}")
    return _numbers(str(rules["macos.minimum.version"])) if rules["macos.minimum.version"] else ()


def _numbers(version: str) -> tuple[int, ...]:
    """Return the parts of a version without trailing zeros, so that 14 and 14.0 are one."""
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
