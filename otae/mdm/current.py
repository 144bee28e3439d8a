"""The current enrollment of a Mac: the newest that reached TokenUpdate, else the newest."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from otae.store.models import Device, Enrollment


def current_of(enrollments: Iterable[Enrollment]) -> dict[UUID, Enrollment]:
    """Return the current one of these enrollments of each Mac, by the Mac's id."""
    return {each.device_id: each for each in sorted(enrollments, key=_recency)}


async def keep(device_id: UUID) -> None:
    """Write what lists need of a Mac's current enrollment into the Mac's row, in the transaction that changed it."""
    found = current_of(await Enrollment.filter(device_id=device_id))
    if row := found.get(device_id):
        await Device.filter(id=device_id).update(
            person_id=row.person_id, status=row.status, ownership=row.ownership, enrolled_at=row.enrolled_at
        )


def _recency(enrollment: Enrollment) -> tuple[bool, datetime, bool]:
    reached = enrollment.enrolled_at or enrollment.authenticated_at
    return enrollment.enrolled_at is not None, reached, enrollment.ended_at is None
