"""Whom an order means: one of our own people, or somebody in a directory, who gets a row here when first named."""

from datetime import datetime

from otae.directory import groups, local, registry
from otae.directory.ldap import servers
from otae.directory.person_fields import DOMAIN, user_name
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import DirectoryUnavailable, GroupAmbiguous, PersonAmbiguous
from otae.store.desk import Desk
from otae.store.models import Person

NOBODY = "there is nobody with this user name"
NO_GROUP = "there is no group with this name"


async def find(
    desk: Desk, name: str, *, now: datetime, rehearsal: bool = False, reach: Reach = EVERYBODY
) -> tuple[Person | None, str]:
    r"""Return whom ``name`` means, and why nobody else: "ben", "CORP\ben", "corp/ben", "ben@corp", an address.

    Of several people with one address none is taken: the words say who they are. A rehearsal's are ours. Whoever is
    out of ``reach`` is nobody: neither named nor looked up in a directory, and no row is made for them.
    """
    if reach.limited:
        return await _find_within(desk, name, reach, now)
    ours = await local.find_person(name)
    if ours or rehearsal:
        return ours, "" if ours else NOBODY
    try:
        found = await registry.find(desk, name)
    except PersonAmbiguous as refusal:
        return None, f"{refusal.detail}: say which, by user name"
    except DirectoryUnavailable as refusal:
        return None, _away(refusal)
    return (await registry.save_person(found, now), "") if found else (None, NOBODY)


async def _find_within(desk: Desk, name: str, reach: Reach, now: datetime) -> tuple[Person | None, str]:
    """Look among the people of our tables within reach; a directory is asked only about the one found."""
    named = await registry.resolve_name(name)
    known = Person.filter(reach.people(), rehearsal=False, removed_at=None)
    ours = known.filter(domain=DOMAIN, name=user_name(local.printable(named.local)))
    if named.local and (person := await ours.first()):
        return person, ""
    for row, text in named.names:
        theirs = known.filter(domain=row.domain)
        found = await theirs.filter(name=user_name(local.printable(text))).limit(1)
        if not found and "@" in name:
            found = (
                await theirs.filter(email__iexact=local.printable(registry.split_domain(name)[1]))
                .order_by("name")
                .limit(10)
            )
        if len(found) > 1:
            return None, f"{', '.join(each.name for each in found)}: say which, by user name"
        if found:
            return await _asked_again(desk, found[0], now)
    return None, NOBODY


async def _asked_again(desk: Desk, person: Person, now: datetime) -> tuple[Person | None, str]:
    """Return a directory's person as the directory has them now."""
    try:
        directory = await registry.directory_of(desk, person.domain)
        found = await directory.find_by_id(person.directory_id or "")
    except DirectoryUnavailable as refusal:
        return None, _away(refusal)
    return (await registry.save_person(found, now), "") if found else (None, NOBODY)


async def find_group(desk: Desk, name: str, *, reach: Reach = EVERYBODY) -> tuple[tuple[str, str, str] | None, str]:
    r"""Return (domain, name, where it is walked from) of the group that "[DOMAIN/]NAME" or "DOMAIN\NAME" means.

    None with why when there is none within ``reach``; no directory is asked about a group out of it.
    """
    ours = await groups.find_group(name, reach=reach)
    if ours and ours.domain == DOMAIN:
        return (ours.domain, ours.name, ""), ""
    if reach.limited and not (name := await _group_within(name, reach)):
        return None, NO_GROUP
    try:
        found = await registry.find_group(desk, name)
    except GroupAmbiguous as refusal:
        return None, f"{refusal.words} {refusal.detail}"
    except DirectoryUnavailable as refusal:
        return None, _away(refusal)
    if found is None:
        return None, NO_GROUP
    return (found.domain, found.name, "" if found.domain == DOMAIN else found.id), ""


async def _group_within(text: str, reach: Reach) -> str:
    """Return "DOMAIN/NAME" of the directory's group within reach that ``text`` means, "" when it means none."""
    domain, name = registry.split_domain(text)
    row = await servers.find_directory(domain) if domain else None
    meant = (row.domain, name.casefold()) if row else None
    return next((f"{where}/{what}" for where, what in sorted(reach.names) if (where, what.casefold()) == meant), "")


def _away(refusal: DirectoryUnavailable) -> str:
    """Say that a directory is away, to an administrator: also what it answered."""
    return f"{refusal.words} ({refusal.detail})" if refusal.detail else refusal.words
