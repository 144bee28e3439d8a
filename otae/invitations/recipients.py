"""Finds the person or group that an order names, locally or in a directory; people of a directory get a local row."""

from datetime import datetime

from otae.directory import registry
from otae.directory.ldap import servers
from otae.directory.local import groups, people, person_fields
from otae.directory.local.person_fields import DOMAIN, user_name
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import DirectoryUnavailable, GroupAmbiguous, PersonAmbiguous
from otae.store.desk import Desk
from otae.store.models import Person
from otae.translatable import N_

NO_PERSON = N_("there is nobody with this user name")
NO_GROUP = N_("there is no group with this name")


async def find(
    desk: Desk, name: str, *, now: datetime, rehearsal: bool = False, reach: Reach = EVERYBODY
) -> tuple[Person | None, str]:
    r"""Return the person that ``name`` means and "", or None and why nobody was found.

    ``name``: "ben", "CORP\ben", "corp/ben", "ben@corp" or an e-mail address; of several people with one address none is
    taken. People outside of ``reach`` are treated as unknown: no directory is asked about them and no row is made. A
    rehearsal looks for local people only.
    """
    if reach.limited:
        return await _find_within(desk, name, reach, now)
    local_person = await people.find_person(name)
    if local_person or rehearsal:
        return local_person, "" if local_person else NO_PERSON
    try:
        found = await registry.find(desk, name)
    except PersonAmbiguous as refusal:
        return None, N_("%(detail)s: say which, by user name", detail=refusal.detail)
    except DirectoryUnavailable as refusal:
        return None, _unavailable(refusal)
    return (await registry.save_person(found, now), "") if found else (None, NO_PERSON)


async def _find_within(desk: Desk, name: str, reach: Reach, now: datetime) -> tuple[Person | None, str]:
    """Find a person among the local rows within ``reach``; a directory is asked only about the person found."""
    candidates = await registry.resolve_name(name)
    known = Person.filter(reach.people(), rehearsal=False, removed_at=None)
    local_rows = known.filter(domain=DOMAIN, name=user_name(person_fields.printable(candidates.local)))
    if candidates.local and (person := await local_rows.first()):
        return person, ""
    for row, text in candidates.names:
        directory_rows = known.filter(domain=row.domain)
        found = await directory_rows.filter(name=user_name(person_fields.printable(text))).limit(1)
        if not found and "@" in name:
            address = person_fields.printable(registry.split_domain(name)[1])
            found = await directory_rows.filter(email__iexact=address).order_by("name").limit(10)
        if len(found) > 1:
            return None, N_("%(found)s: say which, by user name", found=", ".join(each.name for each in found))
        if found:
            return await _refreshed(desk, found[0], now)
    return None, NO_PERSON


async def _refreshed(desk: Desk, person: Person, now: datetime) -> tuple[Person | None, str]:
    """Return a directory's person with current data from there and "", or None and why not."""
    try:
        directory = await registry.directory_of(desk, person.domain)
        found = await directory.find_by_id(person.directory_id or "")
    except DirectoryUnavailable as refusal:
        return None, _unavailable(refusal)
    return (await registry.save_person(found, now), "") if found else (None, NO_PERSON)


async def find_group(desk: Desk, name: str, *, reach: Reach = EVERYBODY) -> tuple[tuple[str, str, str] | None, str]:
    r"""Find the group "[DOMAIN/]NAME" or "DOMAIN\NAME".

    A group outside of ``reach`` is treated as unknown: no directory is asked about it.

    Returns:
        (domain, name, id in its directory) and "", or None and why no group was found. The id is the DN from which the
        members are read, "" for a local group.
    """
    local_group = await groups.find_group(name, reach=reach)
    if local_group and local_group.domain == DOMAIN:
        return (local_group.domain, local_group.name, ""), ""
    if reach.limited and not (name := await _group_within(name, reach)):
        return None, NO_GROUP
    try:
        found = await registry.find_group(desk, name)
    except GroupAmbiguous as refusal:
        return None, f"{refusal.words} {refusal.detail}"
    except DirectoryUnavailable as refusal:
        return None, _unavailable(refusal)
    if found is None:
        return None, NO_GROUP
    return (found.domain, found.name, "" if found.domain == DOMAIN else found.id), ""


async def _group_within(text: str, reach: Reach) -> str:
    """Return "DOMAIN/NAME" of the directory's group within ``reach`` that ``text`` names, "" when there is none."""
    domain, name = registry.split_domain(text)
    row = await servers.find_directory(domain) if domain else None
    meant = (row.domain, name.casefold()) if row else None
    return next((f"{where}/{what}" for where, what in sorted(reach.names) if (where, what.casefold()) == meant), "")


def _unavailable(refusal: DirectoryUnavailable) -> str:
    return f"{refusal.words} ({refusal.detail})" if refusal.detail else refusal.words
