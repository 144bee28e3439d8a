"""All directories together: finding one by domain, searching all, resolving typed names, and storing found people."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from otae.directory import Directory, DirectoryGroup, DirectoryPerson, MembersPage, PasswordCheck
from otae.directory.ldap import servers
from otae.directory.ldap.directory import ldap_directory
from otae.directory.local import groups, passwords, people
from otae.directory.local.person_fields import DOMAIN, printable
from otae.errors import DirectoryUnavailable
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Person
from otae.store.search_text import contains
from otae.store.user_properties import DISABLED_IN_DIRECTORY
from otae.text import identifier

#: Members of a local group on one page.
PAGE: Final = 500

Item = TypeVar("Item", DirectoryPerson, DirectoryGroup)


@dataclass(frozen=True)
class NameCandidates:
    """Where a typed user name may be found.

    ``local``: the user name among local people, "" when another domain was named. ``names``: the directories to look
    in, each with the user name to look for.
    """

    local: str
    names: tuple[tuple[DirectoryServer, str], ...]


class LocalDirectory:
    """Local people and groups as a `Directory`."""

    domain = DOMAIN

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def find_person(self, name: str) -> DirectoryPerson | None:
        """See `Directory.find_person`."""
        return _to_person_or_none(await people.find_person(name))

    async def find_by_id(self, directory_id: str) -> DirectoryPerson | None:
        """See `Directory.find_by_id`; the id is the row's."""
        try:
            row_id = UUID(directory_id)
        except ValueError:
            return None
        return _to_person_or_none(await Person.get_or_none(domain=DOMAIN, id=row_id, rehearsal=False))

    async def search_people(self, text: str, limit: int = 10) -> list[DirectoryPerson]:
        """See `Directory.search_people`; without a text, the first by user name."""
        rows = Person.filter(domain=DOMAIN, rehearsal=False, disabled=False, removed_at=None)
        rows = rows.filter(await contains(Person, text))
        return [_to_person(row) for row in await rows.order_by("name").limit(limit)]

    async def search_groups(self, text: str, limit: int = 10) -> list[DirectoryGroup]:
        """See `Directory.search_groups`."""
        found = await groups.list_groups(search=text, limit=limit)
        return [DirectoryGroup(DOMAIN, row.name, str(row.id)) for row in found]

    async def find_group(self, name: str) -> DirectoryGroup | None:
        """See `Directory.find_group`."""
        row = await groups.find_group(name)
        return DirectoryGroup(DOMAIN, row.name, str(row.id)) if row and row.domain == DOMAIN else None

    async def members(self, group: DirectoryGroup, after: str = "") -> MembersPage:
        """See `Directory.members`; rows come by user name."""
        rows = await groups.members(DOMAIN, group.name, after=(after, None) if after else None, limit=PAGE)
        return MembersPage([_to_person(row) for row in rows], rows[-1].name if len(rows) == PAGE else "")

    async def try_password(self, found: DirectoryPerson | None, password: str) -> PasswordCheck:
        """See `Directory.try_password`."""
        right = await self.check_password(found, password)
        return PasswordCheck(right, "" if right else "wrong password")

    async def check_password(self, found: DirectoryPerson | None, password: str) -> bool:
        """See `Directory.check_password`."""
        person = await Person.get_or_none(domain=DOMAIN, id=UUID(found.directory_id)) if found else None
        return await passwords.check_password(self._desk, person, password)


async def directory_of(desk: Desk, domain: str) -> Directory:
    """Return the directory of this domain or alias. Raises DirectoryUnavailable when none is configured."""
    if domain.strip().lower() == DOMAIN:
        return LocalDirectory(desk)
    row = await servers.find_directory(domain)
    if row is None:
        raise DirectoryUnavailable(f"there is no directory {printable(domain)!r}")
    return await ldap_directory(desk, row)


async def domains() -> list[str]:
    """Return the domains of all directories: "local", the default directory's, then the others."""
    return [DOMAIN, *(row.domain for row in await servers.list_directories())]


async def search_people(desk: Desk, text: str, domain: str | None = None, limit: int = 10) -> list[DirectoryPerson]:
    """Return people of ``domain``, None for all, whose user name, name or e-mail address contains ``text``.

    For all domains, unavailable directories are left out; for one, DirectoryUnavailable is raised.
    """
    return await _search(desk, domain, lambda directory: directory.search_people(text, limit), limit)


async def search_groups(desk: Desk, text: str, domain: str | None = None, limit: int = 10) -> list[DirectoryGroup]:
    """Return groups of ``domain``, None for all, whose name contains ``text``; see `search_people`."""
    return await _search(desk, domain, lambda directory: directory.search_groups(text, limit), limit)


async def _search(
    desk: Desk, domain: str | None, ask: Callable[[Directory], Awaitable[list[Item]]], limit: int
) -> list[Item]:
    if domain is not None:
        return await ask(await directory_of(desk, domain))
    items: list[Item] = []
    for directory in await _all(desk):
        try:
            items += await ask(directory)
        except DirectoryUnavailable:
            continue  # the others are shown all the same
    return items[:limit]


async def find_group(desk: Desk, text: str) -> DirectoryGroup | None:
    r"""Return the group "[DOMAIN/]NAME" or "DOMAIN\NAME", None when there is none; without a domain a local one.

    Raises:
        DirectoryUnavailable: the named directory does not answer.
        GroupAmbiguous: several of its groups have this name.
    """
    if ours := await LocalDirectory(desk).find_group(text):
        return ours
    domain, name = split_domain(text)
    row = await servers.find_directory(domain) if domain else None
    return await (await ldap_directory(desk, row)).find_group(name) if row else None


async def find(desk: Desk, text: str) -> DirectoryPerson | None:
    r"""Return the person that ``text`` names: "NAME", "NAME@ALIAS", "DOMAIN\NAME", "DOMAIN/NAME" or an e-mail address.

    Local people come first, then the default directory.

    Raises:
        DirectoryUnavailable: a directory does not answer.
        PersonAmbiguous: several people of a directory have this name or address.
    """
    candidates = await resolve_name(text)
    if candidates.local and (local_person := await LocalDirectory(desk).find_person(candidates.local)):
        return local_person
    for row, name in candidates.names:
        directory = await ldap_directory(desk, row)
        found = await directory.find_person(name)
        if found is None and "@" in text:
            found = await directory.find_by_mail(split_domain(text)[1])
        if found:
            return found
    return None


async def resolve_name(text: str) -> NameCandidates:
    """Return where a typed user name may be found. Depends on the text and the settings alone; searches nothing."""
    domain, name = split_domain(text)
    if domain:
        if domain == DOMAIN:
            return NameCandidates(name, ())
        row = await servers.find_directory(domain)
        return NameCandidates("", ((row, name),) if row else ())
    name_alone, _, alias = name.rpartition("@")
    if name_alone and (row := await servers.find_directory(alias)):
        whole = row.search_by in {"userPrincipalName", "mail"}
        return NameCandidates("", ((row, name if whole else name_alone),))
    default = await DirectoryServer.filter(is_default=True).first()
    return NameCandidates(name, ((default, name),) if default else ())


def split_domain(text: str) -> tuple[str, str]:
    r"""Split "DOMAIN\NAME" or "DOMAIN/NAME" into domain, in lower case, and name; the domain may be ""."""
    typed = identifier(text)
    for separator in ("\\", "/"):
        domain, found, name = typed.partition(separator)
        if found:
            return domain.strip().lower(), name.strip()
    return "", typed


async def save_person(found: DirectoryPerson, now: datetime) -> Person:
    """Store a person of a directory, and return their new or updated row; local people's rows stay as they are."""
    if found.domain == DOMAIN:
        return await Person.get(domain=DOMAIN, id=UUID(found.directory_id))
    return (await save_people([found], now))[0]


async def save_people(found: Iterable[DirectoryPerson], now: datetime) -> list[Person]:
    """Store people of one directory, and return their new or updated rows in the same order.

    Rows are matched by the permanent id: a renamed person keeps their row. When a user name now belongs to somebody
    else, the row that had it gets a placeholder name until that person is found again. People whom the directory has
    disabled are signed out, and their unfinished enrollments end.
    """
    # Of two people with the same user name neither can sign in: one row is enough.
    by_id = {each.directory_id: each for each in {each.name: each for each in found}.values()}
    if not by_id:
        return []
    domain = next(iter(by_id.values())).domain
    async with transaction():
        rows = {row.directory_id: row for row in await Person.filter(domain=domain, directory_id__in=list(by_id))}
        await _free_names(domain, by_id, rows)
        new = [_new(each, now) for key, each in by_id.items() if key not in rows]
        enabled_before = {row.id for row in rows.values() if not row.disabled}
        changed = [row for key, row in rows.items() if key and _update(row, by_id[key], now)]
        if changed:
            names = ["name", "display_name", "email", "phone", "disabled", "properties"]
            await Person.bulk_update(changed, names, batch_size=100)
            disabled_now = [row.id for row in changed if row.disabled and row.id in enabled_before]
            await people.end_access(disabled_now, now=now, why="the directory disabled the user")
        if new:
            await Person.bulk_create(new)
    if new:
        # Read again: bulk_create does not mark its instances as stored.
        made = await Person.filter(id__in=[row.id for row in new])
        rows |= {row.directory_id: row for row in made}
    return [rows[key] for key in by_id]


async def _free_names(domain: str, by_id: dict[str, DirectoryPerson], rows: dict[str | None, Person]) -> None:
    """Rename rows whose user name now belongs to somebody else, to a placeholder that nobody can enter."""
    names = {each.name: each.directory_id for each in by_id.values()}
    for row in await Person.filter(domain=domain, name__in=list(names)):
        if names[row.name] != row.directory_id:
            placeholder = f"{row.name[:60]}~{row.id.hex}"
            await Person.filter(id=row.id).update(**row.with_search_text({"name": placeholder}))
            if row.directory_id in rows:
                rows[row.directory_id].name = placeholder


def _new(found: DirectoryPerson, now: datetime) -> Person:
    person = Person(domain=found.domain, directory_id=found.directory_id, name="", display_name="", created_at=now)
    _update(person, found, now)
    return person


def _update(row: Person, found: DirectoryPerson, now: datetime) -> bool:
    """Update a row from the directory, and return whether it changed. A person disabled here stays disabled."""
    off = found.is_disabled(now)
    marked = DISABLED_IN_DIRECTORY in row.properties
    kept = row.properties if found.properties is None else found.properties
    properties = {name: value for name, value in kept.items() if name != DISABLED_IN_DIRECTORY}
    if off and (marked or not row.disabled):
        properties[DISABLED_IN_DIRECTORY] = "yes"
    values: dict[str, object] = {
        "name": found.name,
        "display_name": found.display_name,
        "email": found.email,
        "phone": found.phone,
        "disabled": off or (row.disabled and not marked),
        "properties": properties,
    }
    changed = any(getattr(row, name) != value for name, value in values.items())
    row.update_from_dict(values)
    return changed


async def _all(desk: Desk) -> list[Directory]:
    return [LocalDirectory(desk), *[await ldap_directory(desk, row) for row in await servers.list_directories()]]


def _to_person_or_none(person: Person | None) -> DirectoryPerson | None:
    return None if person is None or person.rehearsal else _to_person(person)


def _to_person(person: Person) -> DirectoryPerson:
    return DirectoryPerson(
        domain=person.domain,
        directory_id=str(person.id),
        name=person.name,
        display_name=person.display_name,
        email=person.email,
        phone=person.phone,
        disabled=person.disabled,
    )
