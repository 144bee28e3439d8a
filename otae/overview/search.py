"""One search over everything that is kept: people, invitations, Macs, groups, group invitations and settings.

Each kind is looked up through its index and gives a few finds, within the reach of whoever searches and only where
their role sees it. The newest of a kind come first, and before them what is called exactly so.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from otae.contacts import shown_address
from otae.directory.local.groups import LONGEST_NAME
from otae.directory.local.person_fields import DOMAIN
from otae.directory.reach import Reach
from otae.invitations import groups, tokens
from otae.invitations.modes import title_of
from otae.store import search_text
from otae.store.database import dialect
from otae.store.models import (
    Administrator,
    Device,
    DirectoryServer,
    EnrollmentSession,
    Event,
    Group,
    GroupInvitation,
    Invitation,
    NotificationServer,
    NotificationTemplate,
    Person,
    Role,
)
from otae.store.models.base import Searched
from otae.store.passwords import hash_token
from otae.store.support_codes import ALPHABET, INVITATION_LENGTH, REFUSAL_LENGTH
from otae.text import folded, identifier, letters_and_digits, link_value

#: Most finds of one kind.
FEW: Final = 5
#: Letters of a search text that count.
LONGEST: Final = 200


@dataclass(frozen=True)
class Find:
    """One thing that was found. ``key``: its id, for a Mac the UDID; ``status``: of an invitation, order or Mac."""

    kind: str
    id: UUID
    key: str
    title: str
    more: str = ""
    status: str = ""


@dataclass(frozen=True)
class Seeker:
    """Who searches: what their role ``may``, and for which people."""

    may: Callable[[str], bool]
    reach: Reach


@dataclass(frozen=True)
class Wanted:
    """What is searched for: the ``text``, the support ``code`` that it may be, its ``events``, and people who fit."""

    text: str
    code: str
    events: Sequence[Event]
    people: Sequence[UUID]


#: The kinds that people belong to → the permission that sees them, in the order in which they are shown.
PEOPLE_KINDS: Final = {
    "person": "person.see",
    "device": "device.see",
    "invitation": "invitation.see",
    "group": "group.see",
    "order": "group-invitation.see",
}
#: The settings that are rows → table, column of their name, and the permission that sees them.
SETTINGS: Final[dict[str, tuple[type[Model], str, str]]] = {
    "smtp": (NotificationServer, "name", "setting.see"),
    "sms": (NotificationServer, "name", "setting.see"),
    "template": (NotificationTemplate, "name", "setting.see"),
    "directory": (DirectoryServer, "domain", "directory.see"),
    "administrator": (Administrator, "name", "administrator.see"),
    "role": (Role, "name", "administrator.see"),
}


async def find(text: str, seeker: Seeker) -> list[Find]:
    """Return a few of each kind whose name, address, number or code contains ``text``; nothing for an empty text."""
    text = identifier(text[:LONGEST])
    if not folded(text):
        return []
    found: list[Find] = []
    if kinds := [kind for kind, permission in PEOPLE_KINDS.items() if seeker.may(permission)]:
        wanted = await _wanted(text, seeker.reach)
        for kind in kinds:
            ids = await _IDS[kind](wanted, seeker.reach)
            found += (await _FINDS[kind](list(dict.fromkeys(ids)), seeker.reach))[:FEW]
    return found + await _settings_by_name(text, seeker)


async def recall(ids: Mapping[str, Collection[UUID]], seeker: Seeker) -> list[Find]:
    """Return what was found before, by kind; what is gone, out of reach or closed to the role by now is left out."""
    found: list[Find] = []
    for kind, some in ids.items():
        if kind in PEOPLE_KINDS and seeker.may(PEOPLE_KINDS[kind]):
            found += await _FINDS[kind](list(some), seeker.reach)
        elif kind in SETTINGS and seeker.may(SETTINGS[kind][2]):
            found += await _settings(kind, Q(id__in=list(some)))
    return found


async def _wanted(text: str, reach: Reach) -> Wanted:
    """Look up the people who fit, and what a support code belongs to."""
    code = letters_and_digits(text).upper()
    if not set(code) <= set(ALPHABET):
        code = ""
    events = await Event.filter(support_code=code).order_by("-id").limit(FEW) if len(code) == REFUSAL_LENGTH else []
    people = Person.filter(reach.people(listed=Person), rehearsal=False)
    exact = await _ids(people.filter(name=text.lower()[:LONGEST_NAME]).limit(FEW))
    told = [event.person_id for event in events if event.person_id]
    ids = dict.fromkeys([*told, *exact, *await _newest(Person, people, text, reach)])
    return Wanted(text, code, events, list(ids)[: 2 * FEW])


async def _ids(rows: QuerySet[Any], column: str = "id") -> list[UUID]:
    """Return one column of ``rows``."""
    found: Any = await rows.values_list(column, flat=True)
    return list(found)


async def _newest(kind: type[Searched], rows: QuerySet[Any], text: str, reach: Reach) -> list[UUID]:
    """Return the ids of the newest of ``rows``, of the table ``kind`` and within ``reach``, that contain ``text``."""
    # What very many rows contain is found among the newest ones; an index would bring all of them first.
    some = await search_text.newest_ids(rows, text, FEW, among=search_text.PROBED)
    if len(some) == FEW:
        return some
    ids = await search_text.first_ids(kind, text)
    if len(ids) > search_text.MATCH_LIMIT and (newest := await search_text.newest_ids(rows, text, FEW)):
        return newest
    if not reach.limited:
        return ids[: 2 * FEW]
    # Not ordered by the database, which would rather read the whole table in that order.
    kept = set(await _ids(rows.filter(id__in=ids))) if ids else set()
    return [each for each in ids if each in kept][:FEW]


async def _people_ids(wanted: Wanted, _reach: Reach) -> Sequence[UUID]:
    return wanted.people


async def _people(ids: Sequence[UUID], reach: Reach) -> list[Find]:
    people = Person.filter(reach.people(listed=Person), id__in=ids, rehearsal=False)
    rows = {row.id: row for row in (await people if ids else [])}
    return [
        Find("person", row.id, str(row.id), row.display_name, _line(row.name, shown_address(row.email or "")))
        for row in (rows[each] for each in ids if each in rows)
    ]


async def _invitation_ids(wanted: Wanted, reach: Reach) -> Sequence[UUID]:
    rows = Invitation.filter(reach.people("person_id", listed=Invitation), rehearsal=False, deleted_at=None)
    token = link_value(wanted.text.rpartition("e=")[2]).lower()
    if tokens.has_shape(token):
        return await _ids(rows.filter(token_hash=hash_token(token)))
    ids = [event.invitation_id for event in wanted.events if event.invitation_id]
    if len(wanted.code) == INVITATION_LENGTH:
        ids += await _ids(rows.filter(support_code=wanted.code))
    if ids:
        return ids
    sessions = EnrollmentSession.filter(
        reach.people("person_id", listed=EnrollmentSession), invitation_id__not_isnull=True
    )
    if started := await search_text.first_ids(EnrollmentSession, wanted.text):
        among = started if reach.limited else started[: 4 * FEW]
        ids += await _ids(sessions.filter(id__in=among), "invitation_id")
    if wanted.people:
        ids += await _ids(rows.filter(person_id__in=wanted.people).order_by("-created_at").limit(FEW))
    return [*ids, *await _newest(Invitation, rows, wanted.text, reach)]


async def _invitations(ids: Sequence[UUID], reach: Reach) -> list[Find]:
    rows = Invitation.filter(reach.people("person_id", listed=Invitation), id__in=ids, rehearsal=False, deleted_at=None)
    found = await rows.prefetch_related("person") if ids else []
    return [
        Find("invitation", row.id, str(row.id), row.person.display_name, title_of(row.mode), row.status)
        for row in sorted(found, key=lambda row: row.created_at, reverse=True)
    ]


async def _device_ids(wanted: Wanted, reach: Reach) -> Sequence[UUID]:
    rows = Device.filter(reach.people("person_id", listed=Device), rehearsal=False)
    ids = [event.device_id for event in wanted.events if event.device_id]
    ids += await _newest(Device, rows, wanted.text, reach)
    if wanted.people:
        ids += await _ids(rows.filter(person_id__in=wanted.people).order_by("-created_at").limit(FEW))
    return ids


async def _devices(ids: Sequence[UUID], reach: Reach) -> list[Find]:
    rows = Device.filter(reach.people("person_id", listed=Device), id__in=ids, rehearsal=False)
    found = await rows.order_by("-created_at") if ids else []
    people = {row.id: row.name for row in await Person.filter(id__in=[row.person_id for row in found])} if found else {}
    titles = [
        (row.name or row.serial or row.udid, _line(row.serial, people.get(row.person_id or row.id, "")))
        for row in found
    ]
    return [Find("device", row.id, row.udid, *words, row.status) for row, words in zip(found, titles, strict=True)]


async def _group_ids(wanted: Wanted, reach: Reach) -> Sequence[UUID]:
    rows = Group.filter(reach.groups(), domain=DOMAIN, name__icontains=wanted.text)
    return await _ids(rows.order_by("name").limit(FEW))


async def _groups(ids: Sequence[UUID], reach: Reach) -> list[Find]:
    rows = await Group.filter(reach.groups(), id__in=ids).order_by("name") if ids else []
    return [Find("group", row.id, str(row.id), row.name) for row in rows]


async def _order_ids(wanted: Wanted, reach: Reach) -> Sequence[UUID]:
    rows = GroupInvitation.filter(groups.within(reach), name__icontains=wanted.text)
    return await _ids(rows.order_by("-created_at").limit(FEW))


async def _orders(ids: Sequence[UUID], reach: Reach) -> list[Find]:
    rows = await GroupInvitation.filter(groups.within(reach), id__in=ids).order_by("-created_at") if ids else []
    return [Find("order", row.id, str(row.id), row.name, title_of(row.mode), row.status) for row in rows]


def _line(*parts: str) -> str:
    return " · ".join(filter(None, parts))


async def _settings(kind: str, condition: Q) -> list[Find]:
    table, column, _permission = SETTINGS[kind]
    rows = table.filter(condition, **({"kind": kind} if table is NotificationServer else {})).order_by(column)
    return [Find(kind, row_id, str(row_id), name) for row_id, name in await rows.limit(FEW).values_list("id", column)]


async def _settings_by_name(text: str, seeker: Seeker) -> list[Find]:
    """Return the settings whose name contains ``text``, asked for in one statement."""
    postgres = dialect() == "postgres"
    alike = "ILIKE $1" if postgres else "LIKE ?1 ESCAPE '\\'"
    parts = []
    for kind, (table, column, permission) in SETTINGS.items():
        if seeker.may(permission):
            of_kind = f"kind = '{kind}' AND " if table is NotificationServer else ""
            source = f'"{table._meta.db_table}" WHERE {of_kind}"{column}" {alike} ORDER BY "{column}" LIMIT {FEW}'  # noqa: SLF001 - the ORM's own name for it
            rows = f"SELECT '{kind}' AS kind, id, \"{column}\" AS name FROM {source}"  # noqa: S608 - names of our tables
            parts.append(f"SELECT * FROM ({rows}) AS {kind}_rows")  # noqa: S608 - as above
    if not parts:
        return []
    wanted = "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"
    found = await get_connection("default").execute_query_dict(" UNION ALL ".join(parts), [wanted])
    return [Find(row["kind"], UUID(str(row["id"])), str(row["id"]), row["name"]) for row in found]


#: Kind → how the ids of what fits are found.
_IDS: Final[dict[str, Callable[[Wanted, Reach], Awaitable[Sequence[UUID]]]]] = {
    "person": _people_ids,
    "invitation": _invitation_ids,
    "device": _device_ids,
    "group": _group_ids,
    "order": _order_ids,
}
#: Kind → how rows are read by their ids, within reach.
_FINDS: Final[dict[str, Callable[[Sequence[UUID], Reach], Awaitable[list[Find]]]]] = {
    "person": _people,
    "invitation": _invitations,
    "device": _devices,
    "group": _groups,
    "order": _orders,
}
