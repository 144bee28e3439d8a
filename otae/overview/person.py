"""Everything about one person, for the person's page: invitations, Macs, messages, sign-ins, and the audit log."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from otae.accounts import password_links, unlocking
from otae.directory import lookup
from otae.directory.files.provisioning import LineState
from otae.directory.reach import EVERYBODY, Reach
from otae.mdm.devices import DeviceRecord, devices_of
from otae.overview.progress import InvitationProgress, progress_of
from otae.overview.removal import Removed, consequences
from otae.store.desk import Desk
from otae.store.models import (
    AuditEntry,
    Delivery,
    Event,
    Invitation,
    PasswordLink,
    PeopleImportLine,
    Person,
)

#: Most rows of each kind that are shown; other pages show all.
MAX_ROWS = 20
#: Events about sign-ins, successful and refused.
_SIGN_INS = ("signin.failed", "session.opened", "session.expired", "session.enrolled", "refused")


@dataclass(frozen=True)
class PersonDetails:
    """What the page shows; lists are newest first.

    ``locked_until``: end of a lock after wrong passwords. ``link``: a password link that still works. ``ends``: what
    deleting the person would end. ``audit``, and ``files`` (lines of files that added or changed the person), are empty
    for administrators who may not read them.
    """

    person: Person
    groups: list[str]
    locked_until: datetime | None
    link: PasswordLink | None
    ends: Removed
    invitations: list[Invitation]
    progress: dict[UUID, InvitationProgress]
    devices: list[DeviceRecord]
    deliveries: list[Delivery]
    attempts: list[Event]
    audit: list[AuditEntry] = field(default_factory=list)
    files: list[PeopleImportLine] = field(default_factory=list)


async def read(desk: Desk, person: Person, *, now: datetime, audited: bool, reach: Reach = EVERYBODY) -> PersonDetails:
    """Return everything about ``person`` except groups out of ``reach``; ``audited``: also what administrators did."""
    invitations = await Invitation.filter(person_id=person.id, rehearsal=False).order_by("-created_at").limit(MAX_ROWS)
    deliveries = Delivery.filter(invitation__person_id=person.id, invitation__rehearsal=False)
    events = Event.filter(person_id=person.id, kind__in=_SIGN_INS, rehearsal=False)
    return PersonDetails(
        person=person,
        groups=(await lookup.groups_of_people([person], reach=reach)).get(person.id, []),
        locked_until=(await unlocking.locked_among(desk, [person], now=now)).get(person.id),
        link=await password_links.working_link(person, now=now),
        ends=await consequences(person),
        invitations=invitations,
        progress=await progress_of(invitations, now=now),
        devices=await devices_of(person.id, limit=MAX_ROWS),
        deliveries=await deliveries.order_by("-created_at").limit(MAX_ROWS),
        attempts=await events.order_by("-id").limit(MAX_ROWS),
        audit=await _audited(person, invitations) if audited else [],
        files=await _files(person) if audited else [],
    )


async def _audited(person: Person, invitations: list[Invitation]) -> list[AuditEntry]:
    about = [str(person.id), *(str(row.id) for row in invitations)]
    return await AuditEntry.filter(subject__in=about).order_by("-id").limit(MAX_ROWS)


async def _files(person: Person) -> list[PeopleImportLine]:
    """Return the lines of imported files that added or changed the person, with their file."""
    lines = PeopleImportLine.filter(person_id=person.id, status__in=[LineState.ADDED, LineState.SAVED])
    return await lines.order_by("-people_import__started_at").limit(MAX_ROWS).prefetch_related("people_import")
