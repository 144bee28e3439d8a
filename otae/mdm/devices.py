"""The Macs that are known here, as people see them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import DeviceUnknown
from otae.invitations.listing import stamp
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Device, Enrollment, Person
from otae.store.records import About, about, note

#: How many Macs are looked at together for somebody who may see only some.
_PAGE = 200


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One Mac with its current enrollment: the newest that reached TokenUpdate, else the newest.

    ``user``: the person's user name; ``status``: "authenticated", "enrolled" or "unenrolled"; ``invitation``: its id,
    None when the person started alone; texts are "" when the Mac did not say. Times are aware, UTC.
    """

    id: UUID
    udid: str
    serial: str
    name: str
    user: str
    person_id: UUID
    ownership: str
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
            "status": self.status,
            "os_version": self.os_version,
            "model": self.model,
            "invitation": str(self.invitation) if self.invitation else None,
            "certificate_sha256": self.certificate_sha256,
            "enrolled_at": stamp(self.enrolled_at),
        }


async def list_devices(
    *, search: str = "", offset: int = 0, limit: int = 100, reach: Reach = EVERYBODY
) -> list[DeviceRecord]:
    """Return known Macs whose current enrollment is within ``reach``, newest first, without those of rehearsals.

    ``search``: part of a serial number, UDID, name or user name, whatever its case.
    """
    found = Device.filter(rehearsal=False)
    if search:
        texts = Q(serial__icontains=search) | Q(udid__icontains=search) | Q(name__icontains=search)
        found = found.filter(texts | Q(enrollments__person__name__icontains=search)).distinct()
    found = found.order_by("-created_at", "udid")
    if reach.limited:
        return await _within(found, reach, offset, limit)
    return await _records(await found.offset(offset).limit(limit))


async def _within(found: QuerySet[Device], reach: Reach, offset: int, limit: int) -> list[DeviceRecord]:
    """Return a page of Macs that are somebody's within reach now, not only once were."""
    once = Enrollment.filter(reach.people("person_id")).values("device_id")
    found, seen = found.filter(id__in=Subquery(once)), 0
    kept: list[DeviceRecord] = []
    while len(kept) < offset + limit and (rows := await found.offset(seen).limit(_PAGE)):
        seen += len(rows)
        records = await _records(rows)
        people = Person.filter(reach.people(), id__in={record.person_id for record in records})
        inside = set(await people.values_list("id", flat=True))
        kept += [record for record in records if record.person_id in inside]
    return kept[offset : offset + limit]


async def find_device(udid: str, reach: Reach = EVERYBODY) -> DeviceRecord | None:
    """Return the Mac with this UDID, also a rehearsal's; None when it is not known, or not within ``reach`` now."""
    records = await _records(await Device.filter(udid=udid))
    return records[0] if records and await reach.holds(records[0].person_id) else None


async def release(udid: str, *, now: datetime, actor: str) -> DeviceRecord:
    """Let the Mac be enrolled by somebody else; its running enrollment stays until then. Audited.

    Raises DeviceUnknown when there is no such Mac.
    """
    device = await Device.get_or_none(udid=udid)
    if device is None:
        raise DeviceUnknown("there is no device with this UDID")
    async with transaction():
        changed = await Device.filter(id=device.id, released=False).update(released=True)
        if changed:
            enrollment = await Enrollment.filter(device_id=device.id).order_by("-authenticated_at").first()
            whose = about(enrollment) if enrollment else About(device_id=device.id)
            await note("device.released", now=now, about=whose, actor=actor)
            whom = str(enrollment.person_id) if enrollment else ""
            await audit.record(actor, "device.released", now=now, subject=udid, detail=whom)
    record = await find_device(udid)
    if record is None:
        raise DeviceUnknown("the device was never enrolled")
    return record


async def _records(devices: Iterable[Device]) -> list[DeviceRecord]:
    devices = list(devices)
    enrollments = await Enrollment.filter(device_id__in=[device.id for device in devices]).prefetch_related(
        "person", "session", "certificate"
    )
    current: dict[UUID, Enrollment] = {}
    for enrollment in sorted(enrollments, key=_newness):
        current[enrollment.device_id] = enrollment
    return [_record(device, current[device.id]) for device in devices if device.id in current]


def _newness(enrollment: Enrollment) -> tuple[bool, datetime, bool]:
    reached = enrollment.enrolled_at or enrollment.authenticated_at
    return enrollment.enrolled_at is not None, reached, enrollment.ended_at is None


def _record(device: Device, enrollment: Enrollment) -> DeviceRecord:
    return DeviceRecord(
        id=device.id,
        udid=device.udid,
        serial=device.serial,
        name=device.name,
        user=enrollment.person.name,
        person_id=enrollment.person_id,
        ownership=enrollment.ownership,
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
