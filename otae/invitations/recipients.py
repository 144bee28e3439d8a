"""Whom an order means: one of our own people, or somebody in a directory, who gets a row here when first named."""

from datetime import datetime

from otae.directory import groups, local, registry
from otae.directory.facts import DOMAIN
from otae.errors import DirectoryUnavailable, GroupAmbiguous, PersonAmbiguous
from otae.store.desk import Desk
from otae.store.models import Person

NOBODY = "there is nobody with this user name"


async def find(desk: Desk, name: str, *, now: datetime, rehearsal: bool = False) -> tuple[Person | None, str]:
    r"""Return whom ``name`` means, and why nobody else: "ben", "CORP\ben", "corp/ben", "ben@corp", an address.

    Of several people with one address none is taken: the words say who they are. A rehearsal's are ours.
    """
    ours = await local.find_person(name)
    if ours or rehearsal:
        return ours, "" if ours else NOBODY
    try:
        found = await registry.find(desk, name)
    except PersonAmbiguous as refusal:
        return None, f"{refusal.detail}: say which, by user name"
    except DirectoryUnavailable as refusal:
        return None, _away(refusal)
    return (await registry.keep(found, now), "") if found else (None, NOBODY)


async def find_group(desk: Desk, name: str) -> tuple[tuple[str, str, str] | None, str]:
    r"""Return (domain, name, where it is walked from) of the group that "[DOMAIN/]NAME" or "DOMAIN\NAME" means.

    None with why when there is none.
    """
    ours = await groups.find_group(name)
    if ours and ours.domain == DOMAIN:
        return (ours.domain, ours.name, ""), ""
    try:
        found = await registry.find_group(desk, name)
    except GroupAmbiguous as refusal:
        return None, f"{refusal.words} {refusal.detail}"
    except DirectoryUnavailable as refusal:
        return None, _away(refusal)
    if found is None:
        return None, "there is no group with this name"
    return (found.domain, found.name, "" if found.domain == DOMAIN else found.id), ""


def _away(refusal: DirectoryUnavailable) -> str:
    """Say that a directory is away, to an administrator: also what it answered."""
    return f"{refusal.words} ({refusal.detail})" if refusal.detail else refusal.words
