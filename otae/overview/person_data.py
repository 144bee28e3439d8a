"""One person's data: everything that is held about somebody, as plain values, and erasing what deletion leaves.

Deleting a person (`removal`) takes names, addresses and message texts at once. What is left, such as networks and
browsers in the timeline and the names of their Macs, is erased as soon as none of their Macs is enrolled any more.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from otae.directory import lookup
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import (
    Approval,
    AuditEntry,
    Certificate,
    Delivery,
    Device,
    Enrollment,
    EnrollmentSession,
    Event,
    GroupInvitee,
    Invitation,
    Notice,
    PeopleImportLine,
    Person,
    UserChannel,
)
from otae.store.states import EnrollmentStatus
from otae.store.tables import to_json

#: Ends of the names of columns that hold secrets, or what only this product reads.
_HIDDEN: Final = ("_sealed", "_hash", "search_text", "sort_name", "lease_until", "mac", "previous", "erased", "der")


async def export(person: Person, *, now: datetime, actor: str) -> dict[str, object]:
    """Return everything that is held about ``person``, by kind; audited. No secrets are among it."""
    found = await _ids(person.id)
    invitations, sessions, macs, enrollments = found
    kinds: dict[str, QuerySet[Any]] = {
        "person": Person.filter(id=person.id),
        "invitations": Invitation.filter(id__in=invitations),
        "messages": Delivery.filter(invitation_id__in=invitations),
        "approvals": Approval.filter(invitation_id__in=invitations),
        "group_invitations": GroupInvitee.filter(person_id=person.id),
        "imported_lines": PeopleImportLine.filter(Q(person_id=person.id) | Q(name=person.name)),
        "sign_ins": EnrollmentSession.filter(id__in=sessions),
        "enrollments": Enrollment.filter(id__in=enrollments),
        "macs": Device.filter(id__in=macs),
        "accounts_on_macs": UserChannel.filter(enrollment_id__in=enrollments),
        "certificates": Certificate.filter(session_id__in=sessions),
        "timeline": Event.filter(_about(person.id, *found)),
        "notices": Notice.filter(person_id=person.id),
        "audit_log": AuditEntry.filter(
            Q(subject__in=[str(person.id), *map(str, invitations)]) | Q(actor=str(person.id))
        ),
    }
    held: dict[str, object] = {kind: [_plain(row) for row in await rows.order_by("id")] for kind, rows in kinds.items()}
    held["groups"] = (await lookup.groups_of_people([person])).get(person.id, [])
    await audit.record(actor, "person.exported", now=now, subject=str(person.id))
    return {"exported_at": to_json(now), **held}


async def erase_due(*, now: datetime) -> int:
    """Erase what is left of deleted people none of whose Macs is enrolled any more; return how many. Safe to repeat."""
    # Those whose Macs are still enrolled stay in the way of no other: they are few, and all are looked at.
    left = Person.filter(removed_at__isnull=False, erased_at=None).only("id")
    return sum([await erase_left(row.id, now=now) for row in await left])


async def erase_left(person_id: UUID, *, now: datetime) -> bool:
    """Erase what is left of a deleted person; return False, and erase nothing, while one of their Macs is enrolled."""
    enrolled = Enrollment.filter(person_id=person_id, status=EnrollmentStatus.ENROLLED, rehearsal=False)
    async with transaction():
        left = Person.filter(id=person_id, removed_at__isnull=False, erased_at=None)
        if await enrolled.exists() or await left.update(erased_at=now) != 1:
            return False
        found = await _ids(person_id)
        invitations, _sessions, macs, enrollments = found
        await Event.filter(_about(person_id, *found)).update(detail="")
        await UserChannel.filter(enrollment_id__in=enrollments).delete()
        await Approval.filter(invitation_id__in=invitations).update(manager_mail="", remark="", token_sealed=None)
        await Notice.filter(person_id=person_id).delete()
        others = await Enrollment.filter(device_id__in=macs, status=EnrollmentStatus.ENROLLED).values_list("device_id")
        mine = set(macs) - {row[0] for row in others}
        await Device.filter(id__in=list(mine)).update(name="")
        await audit.record("otae", "person.erased", now=now, subject=str(person_id))
    return True


async def _ids(person_id: UUID) -> tuple[list[UUID], list[UUID], list[UUID], list[UUID]]:
    """Return the ids of the person's invitations, enrollment sessions, Macs and enrollments."""
    invitations = [row.id for row in await Invitation.filter(person_id=person_id).only("id")]
    sessions = [row.id for row in await EnrollmentSession.filter(person_id=person_id).only("id")]
    enrollments = await Enrollment.filter(person_id=person_id).only("id", "device_id")
    macs = list({row.device_id for row in enrollments})
    return invitations, sessions, macs, [row.id for row in enrollments]


def _about(
    person_id: UUID,
    invitations: Collection[UUID],
    sessions: Collection[UUID],
    _macs: Collection[UUID],
    _enrollments: Collection[UUID],
) -> Q:
    """Return the condition for events of the person; those of a Mac name the person, or were others'."""
    by_invitation, by_session = Q(invitation_id__in=list(invitations)), Q(session_id__in=list(sessions))
    return Q(Q(person_id=person_id), by_invitation, by_session, join_type="OR")


def _plain(row: Model) -> dict[str, object]:
    names: Sequence[str] = [name for name in row._meta.db_fields if not name.endswith(_HIDDEN)]  # noqa: SLF001 - the ORM's own list
    return {name: to_json(getattr(row, name)) for name in names}
