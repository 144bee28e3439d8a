"""The list of known Macs, for the console and the command line."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.expressions import Q, Subquery

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import DeviceUnknown
from otae.invitations.listing import rfc3339
from otae.mdm.current import current_of
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Device, Enrollment, Person
from otae.store.paging import older_than
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


async def list_devices(
    *, search: str = "", after: UUID | None = None, limit: int = 100, reach: Reach = EVERYBODY
) -> list[DeviceRecord]:
    """Return known Macs whose current enrollment is within ``reach``, newest first, without those of rehearsals.

    Args:
        search: Part of a serial number, UDID or name, or of the name or e-mail address of the Mac's current person,
            whatever its case and diacritics.
        after: Id of the last one seen.
    """
    found = Device.filter(await _candidates(search), rehearsal=False)
    if reach.limited:
        found = found.filter(id__in=Subquery(Enrollment.filter(reach.people("person_id")).values("device_id")))
    last = await Device.get_or_none(id=after) if after else None
    kept: list[DeviceRecord] = []
    while len(kept) < limit:
        rows = await found.filter(older_than(last)).order_by("-created_at", "-id").limit(_PAGE)
        kept += await _current_matches(rows, folded(search), reach)
        if len(rows) < _PAGE:
            break
        last = rows[-1]
    return kept[:limit]


async def every_device() -> AsyncIterator[DeviceRecord]:
    """Yield all known Macs, newest first, without those of rehearsals."""
    page = await list_devices(limit=_PAGE)
    while page:
        for record in page:
            yield record
        page = await list_devices(after=page[-1].id, limit=_PAGE)


async def _candidates(search: str) -> Q:
    """Return the condition for Macs that match the text themselves, or are or were a matching person's."""
    if not folded(search):
        return Q()
    macs, people = await matching_ids(Device, search), await matching_ids(Person, search)
    by_mac = condition_for(macs, search)
    enrollments = Enrollment.filter(condition_for(people, search, key="person_id", path="person__"))
    if people is None:
        return by_mac | Q(id__in=Subquery(enrollments.values("device_id")))
    return by_mac | Q(id__in=[NO_ID, *await enrollments.values_list("device_id", flat=True)])


async def _current_matches(rows: Sequence[Device], wanted: str, reach: Reach) -> list[DeviceRecord]:
    """Return the records whose current person is within ``reach``, and that match the text by Mac or current person."""
    records = await _records(rows)
    people = Person.filter(reach.people(listed=Person), id__in=[record.person_id for record in records] or [NO_ID])
    texts = {person_id: text or "" for person_id, text in await people.values_list("id", "search_text")}
    own = {row.id: row.search_text or "" for row in rows}
    return [
        record
        for record in records
        if record.person_id in texts and (wanted in own[record.id] or wanted in texts[record.person_id])
    ]


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


async def find_device(udid: str, reach: Reach = EVERYBODY) -> DeviceRecord | None:
    """Return the Mac with this UDID, also a rehearsal's; None when it is unknown, or not within ``reach`` now."""
    records = await _records(await Device.filter(udid=udid))
    return records[0] if records and await reach.includes(records[0].person_id) else None


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
