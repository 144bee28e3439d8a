"""The list of known Macs, for the console and the command line."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from otae.directory.files.spreadsheets import to_csv
from otae.directory.local.groups import with_subgroups
from otae.directory.reach import EVERYBODY, Reach, members_of
from otae.errors import DeviceUnknown
from otae.invitations.listing import rfc3339
from otae.mdm.current import current_of
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Device, Enrollment, Group, Person
from otae.store.paging import NEWEST_FIRST, Order, count_capped, narrowed, read_page
from otae.store.records import About, about, note
from otae.store.search_text import NO_ID, condition_for, matching_ids
from otae.text import folded

#: Number of Macs read at a time.
_PAGE = 200


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One Mac with its current enrollment: the newest that reached TokenUpdate, else the newest.

    ``user``: the person's user name; ``access_rights``: what its profile allows; ``status``: "authenticated",
    "enrolled" or "unenrolled"; ``invitation``: its id, None when the person started without one; texts are "" when the
    Mac did not report them. Times are aware, UTC.
    """

    id: UUID
    udid: str
    serial: str
    name: str
    user: str
    person_id: UUID
    ownership: str
    access_rights: int
    status: str
    os_version: str
    build: str
    model: str
    model_name: str
    invitation: UUID | None
    session: UUID
    certificate_sha256: str
    certificate_until: datetime
    enrolled_at: datetime | None
    seen_at: datetime
    released: bool

    def as_json(self) -> dict[str, object]:
        """Return what `device list --json` shows of this Mac; times as RFC 3339 in UTC."""
        return {
            "udid": self.udid,
            "serial": self.serial,
            "user": self.user,
            "ownership": self.ownership,
            "access_rights": self.access_rights,
            "status": self.status,
            "os_version": self.os_version,
            "model": self.model,
            "invitation": str(self.invitation) if self.invitation else None,
            "certificate_sha256": self.certificate_sha256,
            "enrolled_at": rfc3339(self.enrolled_at),
        }


@dataclass(frozen=True)
class DeviceFilters:
    """What a list of Macs is filtered by; an empty field filters nothing.

    ``search``: part of a serial number, UDID or name, or of the name or e-mail address of the Mac's current person,
    whatever its case and diacritics. ``group``: id of a group; Macs of its people and those of its sub-groups.
    ``silent_since``: only Macs that were last heard of before then.
    """

    search: str = ""
    status: str = ""
    ownership: str = ""
    os_version: str = ""
    model: str = ""
    group: UUID | None = None
    silent_since: datetime | None = None


EVERY_MAC: Final = DeviceFilters()
#: Columns of the CSV file.
COLUMNS: Final = (
    "udid", "serial", "name", "user", "ownership", "status", "model", "model_name", "os_version", "build",
    "enrolled_at", "seen_at", "certificate_until", "certificate_sha256", "invitation",
)  # fmt: skip
#: What a list can be sorted by, by name.
ORDERS: Final[Mapping[str, Order]] = {
    "serial": Order(("serial", "created_at", "id"), down=False),
    "model": Order(("model_name", "created_at", "id"), down=False),
    "ownership": Order(("ownership", "created_at", "id"), down=False),
    "status": Order(("status", "created_at", "id"), down=False),
    "enrolled": Order(("enrolled_at", "created_at", "id"), nulls=True),
    "seen": Order(("seen_at", "id")),
    "created": NEWEST_FIRST,
}


async def list_devices(
    filters: DeviceFilters = EVERY_MAC,
    *,
    after: UUID | None = None,
    limit: int = 100,
    reach: Reach = EVERYBODY,
    order: Order = NEWEST_FIRST,
    back: bool = False,
) -> list[DeviceRecord]:
    """Return known Macs whose current person is within ``reach``, newest first, without those of rehearsals.

    Args:
        after: Id of the last one seen.
        order: One of `ORDERS`, or the opposite of one.
        back: Return those before ``after`` instead.
    """
    last = await Device.get_or_none(id=after) if after else None
    found = await _matching(filters, reach)
    if replace(filters, silent_since=None) != EVERY_MAC:
        found = await narrowed(found)
    return await _records(await read_page(found, order, limit=limit, at=last, back=back and last is not None))


async def count_devices(filters: DeviceFilters, reach: Reach) -> int:
    """Return how many Macs a list has, bounded as by `count_capped`."""
    return await count_capped(await _matching(filters, reach))


async def every_device(
    filters: DeviceFilters = EVERY_MAC, *, reach: Reach = EVERYBODY, order: Order = NEWEST_FIRST
) -> AsyncIterator[DeviceRecord]:
    """Yield all known Macs of a list; arguments as `list_devices`."""
    after: UUID | None = None
    while page := await list_devices(filters, after=after, limit=_PAGE, reach=reach, order=order):
        for record in page:
            yield record
        after = page[-1].id


async def known_values(column: str, reach: Reach, limit: int) -> list[str]:
    """Return what Macs report in ``column`` ("os_version" or "model_name"), sorted, at most ``limit`` values."""
    rows = Device.filter(reach.people("person_id"), rehearsal=False, person_id__isnull=False)
    if reach.limited:
        found = await rows.limit(_PAGE).values_list(column)
        return sorted({str(value) for (value,) in found if value})[:limit]
    values, beyond = list[str](), f"{column}__gt"
    # One index look-up for each value, instead of one row for each Mac.
    while len(values) < limit:
        row = await rows.filter(**{beyond: values[-1] if values else ""}).order_by(column, "created_at", "id").first()
        if row is None:
            break
        values.append(getattr(row, column))
    return values


async def _matching(filters: DeviceFilters, reach: Reach) -> QuerySet[Device]:
    found = Device.filter(reach.people("person_id", listed=Device), rehearsal=False, person_id__isnull=False)
    exact = {
        "status": filters.status,
        "ownership": filters.ownership,
        "os_version": filters.os_version,
        "model_name": filters.model,
        "seen_at__lt": filters.silent_since,
    }
    found = found.filter(**{name: value for name, value in exact.items() if value})
    if filters.group:
        group = await Group.get_or_none(reach.groups(), id=filters.group)
        within = await with_subgroups(group.domain, group.name) if group else [NO_ID]
        found = found.filter(await members_of(within, "person_id", listed=Device))
    return found.filter(await _search_condition(filters.search))


async def _search_condition(search: str) -> Q:
    """Return the condition for Macs that match the text themselves, or whose current person does."""
    if not folded(search):
        return Q()
    macs, people = await matching_ids(Device, search), await matching_ids(Person, search)
    whose: Any = people or [NO_ID]
    if people is None:
        whose = Subquery(Person.filter(condition_for(None, search)).values("id"))
    return condition_for(macs, search) | Q(person_id__in=whose)


async def devices_of(person_id: UUID, *, limit: int) -> list[DeviceRecord]:
    """Return the Macs whose current enrollment is this person's, newest first, without those of rehearsals."""
    rows = Enrollment.filter(person_id=person_id, rehearsal=False).order_by("-authenticated_at").limit(limit)
    udids = dict.fromkeys([str(udid) for udid in await rows.values_list("device__udid", flat=True)])
    found = [await find_device(udid) for udid in udids]
    return [each for each in found if each is not None and each.person_id == person_id]


async def macs_of_invitations(ids: Sequence[UUID], reach: Reach = EVERYBODY) -> dict[UUID, tuple[str, str]]:
    """Return UDID and serial number of the Mac that each invitation enrolled, by the invitation's id."""
    rows = Enrollment.filter(reach.people("person_id"), session__invitation_id__in=list(ids) or [NO_ID])
    found = await rows.order_by("authenticated_at").values_list(
        "session__invitation_id", "device__udid", "device__serial"
    )
    return {invitation: (str(udid), str(serial)) for invitation, udid, serial in found}


async def udids_of(serials: Sequence[str]) -> dict[str, str]:
    """Return the UDIDs of the Macs with these serial numbers, as they are written, by serial number in lower case."""
    rows = Device.filter(serial__in=list(serials), rehearsal=False)
    return {str(serial).casefold(): str(udid) for serial, udid in await rows.values_list("serial", "udid")}


async def find_device(udid: str, reach: Reach = EVERYBODY) -> DeviceRecord | None:
    """Return the Mac with this UDID, also a rehearsal's; None when it is unknown, or not within ``reach`` now."""
    records = await _records(await Device.filter(udid=udid))
    return records[0] if records and await reach.includes(records[0].person_id) else None


@dataclass(frozen=True)
class PastEnrollment:
    """One enrollment of a Mac; ``user`` and ``person_id`` are "" and None for a person out of reach."""

    session: UUID
    user: str
    person_id: UUID | None
    status: str
    invitation: UUID | None
    enrolled_at: datetime | None
    ended_at: datetime | None


async def history(device_id: UUID, reach: Reach = EVERYBODY, *, limit: int = 50) -> list[PastEnrollment]:
    """Return the enrollments of a Mac, newest first."""
    found = Enrollment.filter(device_id=device_id).order_by("-authenticated_at", "-id").limit(limit)
    rows = await found.prefetch_related("person", "session")
    people = Person.filter(reach.people(), id__in=[row.person_id for row in rows])
    within = {found_id for (found_id,) in await people.values_list("id")}
    return [
        PastEnrollment(
            session=row.session_id,
            user=row.person.name if row.person_id in within else "",
            person_id=row.person_id if row.person_id in within else None,
            status=row.status,
            invitation=row.session.invitation_id if row.person_id in within else None,
            enrolled_at=row.enrolled_at,
            ended_at=row.ended_at,
        )
        for row in rows
    ]


async def as_csv(filters: DeviceFilters, *, reach: Reach, order: Order) -> AsyncIterator[str]:
    """Yield the pieces of one CSV file: its column names, then the Macs of a list; arguments as `list_devices`."""
    yield to_csv([COLUMNS])
    after: UUID | None = None
    while page := await list_devices(filters, after=after, limit=_PAGE, reach=reach, order=order):
        rows = [
            mac.as_json()
            | {
                "name": mac.name,
                "build": mac.build,
                "model_name": mac.model_name,
                "seen_at": rfc3339(mac.seen_at),
                "certificate_until": rfc3339(mac.certificate_until),
            }
            for mac in page
        ]
        yield to_csv([str(row[name] or "") for name in COLUMNS] for row in rows)
        after = page[-1].id


async def release(udid: str, *, now: datetime, actor: str) -> DeviceRecord:
    """Allow the Mac to be enrolled by somebody else; its enrollment stays until then. Audited. Raises DeviceUnknown."""
    device = await Device.get_or_none(udid=udid)
    if device is None:
        raise DeviceUnknown("there is no device with this UDID")
    async with transaction():
        changed = await Device.filter(id=device.id, released=False).update(released=True)
        if changed:
            enrollment = await Enrollment.filter(device_id=device.id).order_by("-authenticated_at").first()
            subject = about(enrollment) if enrollment else About(device_id=device.id)
            await note("device.released", now=now, about=subject, actor=actor)
            person_id = str(enrollment.person_id) if enrollment else ""
            await audit.record(actor, "device.released", now=now, subject=udid, detail=person_id)
    record = await find_device(udid)
    if record is None:
        raise DeviceUnknown("the device was never enrolled")
    return record


async def _records(devices: Sequence[Device]) -> list[DeviceRecord]:
    found = Enrollment.filter(device_id__in=[device.id for device in devices])
    current = current_of(await found.prefetch_related("person", "session", "certificate"))
    return [_record(device, current[device.id]) for device in devices if device.id in current]


def _record(device: Device, enrollment: Enrollment) -> DeviceRecord:
    return DeviceRecord(
        id=device.id,
        udid=device.udid,
        serial=device.serial,
        name=device.name,
        user=enrollment.person.name,
        person_id=enrollment.person_id,
        ownership=enrollment.ownership,
        access_rights=enrollment.session.access_rights,
        status=enrollment.status,
        os_version=device.os_version,
        build=device.build,
        model=device.model,
        model_name=device.model_name,
        invitation=enrollment.session.invitation_id,
        session=enrollment.session_id,
        certificate_sha256=enrollment.certificate.sha256 or "",
        certificate_until=enrollment.certificate.not_after,
        enrolled_at=enrollment.enrolled_at,
        seen_at=device.seen_at,
        released=device.released,
    )
