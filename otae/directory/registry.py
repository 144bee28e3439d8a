"""Every directory there is behind one door: looked up by domain, searched as one, and its people kept as ours."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from otae.directory import Directory, Found, GroupFound, MembersPage, PasswordAnswer, groups, local
from otae.directory.ldap import servers
from otae.directory.ldap.directory import LdapDirectory, ldap_directory
from otae.directory.person_fields import DOMAIN, printable
from otae.errors import DirectoryUnavailable
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Person
from otae.store.search_text import holds
from otae.text import identifier

#: People of a local group at a time.
PAGE: Final = 500
#: Marks, among a person's properties, that it was the directory that disabled them: it may enable them again.
BY_DIRECTORY: Final = "disabled-in-directory"

Answer = TypeVar("Answer", Found, GroupFound)


@dataclass(frozen=True)
class Named:
    """What somebody typed as a user name. ``rows``: the directories it may be looked up in besides our own people.

    ``local``: the name among our own people, "" when another domain was named.
    """

    local: str
    names: tuple[tuple[DirectoryServer, str], ...]


class LocalDirectory:
    """Our own people and groups, as the Directory protocol has them."""

    domain = DOMAIN

    async def find_person(self, name: str) -> Found | None:
        """As the protocol says."""
        return _described(await local.find_person(name))

    async def person_of(self, directory_id: str) -> Found | None:
        """As the protocol says; the id is our row's."""
        try:
            wanted = UUID(directory_id)
        except ValueError:
            return None
        return _described(await Person.get_or_none(domain=DOMAIN, id=wanted, rehearsal=False))

    async def search_people(self, text: str, limit: int = 10) -> list[Found]:
        """As the protocol says; without a text, whoever comes first."""
        rows = Person.filter(domain=DOMAIN, rehearsal=False, disabled=False, removed_at=None)
        rows = rows.filter(await holds(Person, text))
        return [_of(row) for row in await rows.order_by("name").limit(limit)]

    async def search_groups(self, text: str, limit: int = 10) -> list[GroupFound]:
        """As the protocol says."""
        found = await groups.list_groups(search=text, limit=limit)
        return [GroupFound(DOMAIN, row.name, str(row.id)) for row in found]

    async def find_group(self, name: str) -> GroupFound | None:
        """As the protocol says."""
        row = await groups.find_group(name)
        return GroupFound(DOMAIN, row.name, str(row.id)) if row and row.domain == DOMAIN else None

    async def members(self, group: GroupFound, after: str = "") -> MembersPage:
        """As the protocol says, by user name."""
        people = await groups.members(DOMAIN, group.name, after=(after, None) if after else None, limit=PAGE)
        return MembersPage([_of(row) for row in people], people[-1].name if len(people) == PAGE else "")

    async def answer_password(self, found: Found | None, password: str) -> PasswordAnswer:
        """As the protocol says."""
        right = await self.check_password(found, password)
        return PasswordAnswer(right, "" if right else "wrong password")

    async def check_password(self, found: Found | None, password: str) -> bool:
        """As the protocol says."""
        person = await Person.get_or_none(domain=DOMAIN, id=UUID(found.directory_id)) if found else None
        return await local.check_password(person, password)


LOCAL: Final = LocalDirectory()


async def directory_of(desk: Desk, domain: str) -> Directory:
    """Return the directory of this domain or alias; DirectoryUnavailable when it is not set up (any more)."""
    if domain.strip().lower() == DOMAIN:
        return LOCAL
    row = await servers.find_directory(domain)
    if row is None:
        raise DirectoryUnavailable(f"there is no directory {printable(domain)!r}")
    return await ldap_directory(desk, row)


async def domains() -> list[str]:
    """Return the domains people may come from: our own, the default directory's, then the others."""
    return [DOMAIN, *(row.domain for row in await servers.list_directories())]


async def search_people(desk: Desk, text: str, domain: str | None = None, limit: int = 10) -> list[Found]:
    """Return people of ``domain``, None for everywhere, whose user name, name or e-mail address holds ``text``.

    With None, a directory that is not available is left out; with its own domain it raises DirectoryUnavailable.
    """
    return await _search(desk, domain, lambda directory: directory.search_people(text, limit), limit)


async def search_groups(desk: Desk, text: str, domain: str | None = None, limit: int = 10) -> list[GroupFound]:
    """Return groups of ``domain``, None for everywhere, whose name holds ``text``; as `search_people`."""
    return await _search(desk, domain, lambda directory: directory.search_groups(text, limit), limit)


async def _search(
    desk: Desk, domain: str | None, ask: Callable[[Directory], Awaitable[list[Answer]]], limit: int
) -> list[Answer]:
    if domain is not None:
        return await ask(await directory_of(desk, domain))
    found: list[Answer] = []
    for directory in await _all(desk):
        try:
            found += await ask(directory)
        except DirectoryUnavailable:
            continue  # the others are shown meanwhile
    return found[:limit]


async def find_group(desk: Desk, text: str) -> GroupFound | None:
    r"""Return the group called "[DOMAIN/]NAME" or "DOMAIN\NAME", None for none; without a domain one of our own.

    Raises DirectoryUnavailable, GroupAmbiguous.
    """
    if (known := await groups.find_group(text)) is not None and known.domain == DOMAIN:
        return GroupFound(known.domain, known.name, str(known.id))
    domain, name = split(text)
    row = await servers.find_directory(domain) if domain else None
    return await (await ldap_directory(desk, row)).find_group(name) if row else None


async def find(desk: Desk, text: str) -> Found | None:
    r"""Return whom ``text`` means: "NAME" or "NAME@ALIAS" as at sign-in, "DOMAIN\NAME", "DOMAIN/NAME", an address.

    Our own people come first; then the default directory. Raises DirectoryUnavailable, PersonAmbiguous.
    """
    named = await names_in(text)
    if named.local and (ours := await LOCAL.find_person(named.local)):
        return ours
    for row, name in named.names:
        directory = await ldap_directory(desk, row)
        found = await directory.find_person(name)
        if found is None and "@" in text:
            found = await directory.find_by_mail(split(text)[1])
        if found:
            return found
    return None


async def names_in(text: str) -> Named:
    """Return where a user name as it was typed is looked up, and as what; it depends on the text alone."""
    domain, name = split(text)
    if domain:
        if domain == DOMAIN:
            return Named(name, ())
        row = await servers.find_directory(domain)
        return Named("", ((row, name),) if row else ())
    before, _, behind = name.rpartition("@")
    if before and (row := await servers.find_directory(behind)):
        whole = row.search_by in {"userPrincipalName", "mail"}
        return Named("", ((row, name if whole else before),))
    default = await DirectoryServer.filter(is_default=True).first()
    return Named(name, ((default, name),) if default else ())


def split(text: str) -> tuple[str, str]:
    r"""Return domain and name of "DOMAIN\NAME" or "DOMAIN/NAME"; without a domain "" and the name."""
    wanted = identifier(text)
    for separator in ("\\", "/"):
        domain, found, name = wanted.partition(separator)
        if found:
            return domain.strip().lower(), name.strip()
    return "", wanted


async def keep(found: Found, now: datetime) -> Person:
    """Return our row of somebody in a directory, made or brought up to date; local people stay as they are."""
    if found.domain == DOMAIN:
        return await Person.get(domain=DOMAIN, id=UUID(found.directory_id))
    return (await keep_all([found], now))[0]


async def keep_all(found: Iterable[Found], now: datetime) -> list[Person]:
    """Return our rows of people of one directory, in their order; who was renamed or moved keeps the row they had.

    A user name that went over to somebody else takes it from the row that had it, which is called otherwise until the
    directory is seen to call it something. Whom the directory has disabled since is signed out, and enrollments on
    their way end.
    """
    # Of two who are called the same neither can sign in: one row is enough.
    wanted = {each.directory_id: each for each in {each.name: each for each in found}.values()}
    if not wanted:
        return []
    domain = next(iter(wanted.values())).domain
    async with transaction():
        rows = {row.directory_id: row for row in await Person.filter(domain=domain, directory_id__in=list(wanted))}
        await _free_names(domain, wanted, rows)
        new = [_new(each, now) for key, each in wanted.items() if key not in rows]
        let_in = {row.id for row in rows.values() if not row.disabled}
        changed = [row for key, row in rows.items() if key and _renew(row, wanted[key], now)]
        if changed:
            names = ["name", "display_name", "email", "phone", "disabled", "properties"]
            await Person.bulk_update(changed, names, batch_size=100)
            off = [row.id for row in changed if row.disabled and row.id in let_in]
            await local.shut_out(off, now=now, why="the directory disabled the user")
        if new:
            await Person.bulk_create(new)
    if new:
        # Read again: what was made many at a time does not know that it is stored.
        made = await Person.filter(id__in=[row.id for row in new])
        rows |= {row.directory_id: row for row in made}
    return [rows[key] for key in wanted]


async def _free_names(domain: str, wanted: dict[str, Found], rows: dict[str | None, Person]) -> None:
    """Give whoever has a name that somebody else has now another one that nobody can enter."""
    names = {each.name: each.directory_id for each in wanted.values()}
    for row in await Person.filter(domain=domain, name__in=list(names)):
        if names[row.name] != row.directory_id:
            parked = f"{row.name[:60]}~{row.id.hex}"
            await Person.filter(id=row.id).update(**row.with_search_text({"name": parked}))
            if row.directory_id in rows:
                rows[row.directory_id].name = parked


def _new(found: Found, now: datetime) -> Person:
    person = Person(domain=found.domain, directory_id=found.directory_id, name="", display_name="", created_at=now)
    _renew(person, found, now)
    return person


def _renew(row: Person, found: Found, now: datetime) -> bool:
    """Bring a row up to date; tell whether anything changed. Whom an administrator disabled stays so."""
    off = found.is_disabled(now)
    marked = BY_DIRECTORY in row.properties
    properties = {key: value for key, value in row.properties.items() if key != BY_DIRECTORY}
    if off and (marked or not row.disabled):
        properties[BY_DIRECTORY] = "yes"
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
    found: list[Directory] = [LOCAL]
    ldap: list[LdapDirectory] = [await ldap_directory(desk, row) for row in await servers.list_directories()]
    return [*found, *ldap]


def _described(person: Person | None) -> Found | None:
    return None if person is None or person.rehearsal else _of(person)


def _of(person: Person) -> Found:
    return Found(
        domain=person.domain,
        directory_id=str(person.id),
        name=person.name,
        display_name=person.display_name,
        email=person.email,
        phone=person.phone,
        disabled=person.disabled,
    )
