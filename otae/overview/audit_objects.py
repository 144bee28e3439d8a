"""The names and pages of what entries of the audit log are about, and of who acted.

Entries hold ids of people, invitations and the like, so that a name can be erased; what is gone, or was never more than
a name, is shown as the entry has it.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from tortoise.queryset import QuerySet

from otae import paths
from otae.authority.issuers import IDENTITIES
from otae.directory import lookup
from otae.invitations.serial_lists import KINDS
from otae.store.mode_table import MODES
from otae.store.models import (
    Administrator,
    AuditEntry,
    CarrierGateway,
    Certificate,
    Device,
    DirectoryServer,
    Group,
    GroupInvitation,
    Invitation,
    NotificationServer,
    NotificationTemplate,
    PeopleImport,
    Role,
)
from otae.store.models.base import Row
from otae.store.properties import PROPERTIES
from otae.text import cleaned_line

AnyRow = TypeVar("AnyRow", bound=Row)

#: Most administrators that a filter suggests.
MOST_NAMES: Final = 500
#: Most invitations of a person whose entries are found with the person's.
MOST_INVITATIONS: Final = 200
#: Longest serial number that is stored.
LONGEST_SERIAL: Final = 64


@dataclass(frozen=True)
class NamedObject:
    """What an entry is about, or who acted. ``page``: "" without one; ``permission``: what opens it."""

    name: str
    page: str = ""
    permission: str = ""


#: Subjects → what they are called; of those that are still there.
Named = dict[str, NamedObject]


async def subjects_of(entries: Collection[AuditEntry]) -> dict[int, NamedObject]:
    """Return what each entry is about, by the entry's number; an entry without a subject is left out."""
    by_kind: dict[str, set[str]] = {}
    for entry in entries:
        by_kind.setdefault(_kind(entry), set()).add(entry.subject)
    found = {kind: await _FINDERS[kind](subjects) for kind, subjects in by_kind.items() if kind in _FINDERS}
    people = await _people({text for entry in entries for text in (entry.subject, entry.detail)})
    named = {}
    for entry in entries:
        known = found.get(_kind(entry), {}).get(entry.subject) or people.get(entry.subject)
        if known is None and _kind(entry) in _ABOUT_PEOPLE:  # an invitation that is gone: the entry names its person
            known = people.get(entry.detail[:36])
        if known or entry.subject:
            named[entry.id] = known or NamedObject(entry.subject)
    return named


async def actors_of(entries: Iterable[AuditEntry]) -> Named:
    """Return the administrators and people who acted, by the name or id in the entries."""
    actors = {entry.actor for entry in entries}
    return await _people(actors) | await _administrators(actors)


async def object_texts(text: str) -> tuple[str, ...]:
    """Return the texts by which entries are about what is called ``text``: user name, serial number, name, id."""
    text = cleaned_line(text)
    texts = {text}
    if text and (person_id := await lookup.id_of_user_name(text)):
        invitations = Invitation.filter(person_id=person_id).order_by("-created_at").limit(MOST_INVITATIONS)
        texts |= {person_id, *(str(row.id) for row in await invitations.only("id"))}
    # Some letters become several in capitals.
    if text and len(serial := text.upper()) <= LONGEST_SERIAL:
        texts |= {row.udid for row in await Device.filter(serial=serial).limit(10).only("id", "udid")}
    return tuple(sorted(texts)) if text else ()


async def administrator_names() -> list[str]:
    """Return the names of the administrators, sorted, at most MOST_NAMES."""
    rows = await Administrator.all().order_by("name").limit(MOST_NAMES).only("id", "name")
    return [row.name for row in rows]


def _kind(entry: AuditEntry) -> str:
    return entry.action.partition(".")[0]


async def _people(texts: Iterable[str]) -> Named:
    names = await lookup.names_in(texts)
    return {each: NamedObject(name, paths.USER(UUID(each)), "person.see") for each, name in names.items()}


async def _administrators(subjects: Collection[str]) -> Named:
    rows = await _with(Administrator, "name", subjects)
    return {row.name: NamedObject(row.name, paths.ADMINISTRATOR(row.id), "administrator.see") for row in rows}


async def _invitations(subjects: Collection[str]) -> Named:
    rows = await Invitation.filter(id__in=_ids(subjects)).prefetch_related("person")
    return {
        str(row.id): NamedObject(row.display_name or row.person.name, paths.INVITATION(row.id), "invitation.see")
        for row in rows
    }


async def _group_invitations(subjects: Collection[str]) -> Named:
    rows = await GroupInvitation.filter(id__in=_ids(subjects))
    page, permission = paths.GROUP_INVITATION, "group-invitation.see"
    return {str(row.id): NamedObject(row.name, page(row.id), permission) for row in rows}


async def _imports(subjects: Collection[str]) -> Named:
    rows = await PeopleImport.filter(id__in=_ids(subjects)).only("id", "file_name")
    return {str(row.id): NamedObject(row.file_name, paths.IMPORT(row.id), "person.import") for row in rows}


async def _devices(subjects: Collection[str]) -> Named:
    rows = await _with(Device, "udid", subjects)
    return {
        row.udid: NamedObject(row.name or row.serial or row.udid, paths.DEVICE(row.udid), "device.see") for row in rows
    }


async def _certificates(subjects: Collection[str]) -> Named:
    rows = await _with(Certificate, "sha256", subjects).filter(purpose__in=list(IDENTITIES))
    page, permission = paths.ISSUED_CERTIFICATE, "certificate.see"
    return {row.sha256 or "": NamedObject(row.subject, page(row.id), permission) for row in rows}


async def _servers(subjects: Collection[str]) -> Named:
    rows = await _with(NotificationServer, "name", subjects)
    pages = {"smtp": paths.SMTP_SERVER, "sms": paths.SMS_SERVER}
    return {row.name: NamedObject(row.name, pages[row.kind](row.id), "setting.see") for row in rows}


async def _templates(subjects: Collection[str]) -> Named:
    rows = await _with(NotificationTemplate, "name", subjects)
    return {row.name: NamedObject(row.name, paths.TEMPLATE(row.id), "setting.see") for row in rows}


async def _carriers(subjects: Collection[str]) -> Named:
    rows = await _with(CarrierGateway, "name", subjects)
    return {row.name: NamedObject(row.name, paths.CARRIER(row.id), "setting.see") for row in rows}


async def _directories(subjects: Collection[str]) -> Named:
    rows = await _with(DirectoryServer, "domain", subjects)
    return {row.domain: NamedObject(row.domain, paths.DIRECTORY(row.id), "directory.see") for row in rows}


async def _roles(subjects: Collection[str]) -> Named:
    rows = await _with(Role, "name", subjects)
    return {row.name: NamedObject(row.name, paths.ROLE(row.id), "administrator.see") for row in rows}


async def _groups(subjects: Collection[str]) -> Named:
    rows = await _with(Group, "name", subjects).filter(domain="local")
    return {row.name: NamedObject(row.name, paths.GROUP(row.id), "group.see") for row in rows}


async def _modes(subjects: Collection[str]) -> Named:
    known = MODES.keys() & set(subjects)
    return {each: NamedObject(MODES[each].title, paths.MODE(each), "setting.see") for each in known}


async def _properties(subjects: Collection[str]) -> Named:
    known = {row.name for row in PROPERTIES}.intersection(subjects)
    return {each: NamedObject(each, paths.PROPERTY(each), "setting.see") for each in known}


async def _serial_lists(subjects: Collection[str]) -> Named:
    known = KINDS.keys() & set(subjects)
    return {each: NamedObject(KINDS[each], paths.SERIALS(list=each), "setting.see") for each in known}


async def _caught(subjects: Collection[str]) -> Named:
    return {
        each: NamedObject(each, paths.CAUGHT_MAIL(one), "mail.see") for one in _ids(subjects) for each in [str(one)]
    }


def _with(model: type[AnyRow], column: str, texts: Iterable[str]) -> QuerySet[AnyRow]:
    """Select the rows whose column has one of these texts; those that are too long for it are nobody's."""
    field: Any = model._meta.fields_map[column]  # noqa: SLF001 - the ORM knows how long a column is
    return model.filter(**{f"{column}__in": [text for text in texts if len(text) <= field.max_length]})


def _ids(texts: Iterable[str]) -> list[UUID]:
    ids = []
    for text in texts:
        with suppress(ValueError):
            ids.append(UUID(text))
    return ids


#: The first word of an action → what finds its subjects.
_FINDERS: Final[dict[str, Callable[[Collection[str]], Awaitable[Named]]]] = {
    "administrator": _administrators,
    "approval": _invitations,
    "carrier": _carriers,
    "certificate": _certificates,
    "device": _devices,
    "directory": _directories,
    "group": _groups,
    "group-invitation": _group_invitations,
    "identity": _invitations,
    "invitation": _invitations,
    "mail": _caught,
    "mode": _modes,
    "notification-server": _servers,
    "people-import": _imports,
    "profile": _invitations,
    "property": _properties,
    "role": _roles,
    "serial": _serial_lists,
    "template": _templates,
}
#: The kinds of entries whose detail begins with a person's id.
_ABOUT_PEOPLE: Final = frozenset({"approval", "identity", "invitation", "profile"})
