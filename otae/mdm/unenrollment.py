"""Ending the management of a Mac: when it checks out, when it is enrolled again, or when an administrator ends it.

There is no command yet that takes the profile off a Mac: one that an administrator unenrolls keeps it, and is refused
from then on, because its certificate is revoked.
"""

from datetime import datetime
from typing import Final

from otae.enrollment import sessions
from otae.errors import DeviceUnknown
from otae.mdm import current, identities, queue
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Device, Enrollment
from otae.store.records import advance
from otae.store.states import EnrollmentStatus

LIVE: Final = (EnrollmentStatus.AUTHENTICATED, EnrollmentStatus.ENROLLED)


async def end_enrollment(
    enrollment: Enrollment, why: str, *, now: datetime, ended_by: str, trouble: str | None = None, actor: str = ""
) -> None:
    """End an enrollment and revoke its certificates, in the caller's transaction; ``actor``: whoever ended it here."""
    about = await queue.event_subject(enrollment)
    await advance(
        enrollment,
        EnrollmentStatus.UNENROLLED,
        event="device.unenrolled" if actor else "checkin.checkout",
        now=now,
        actor=actor,
        detail=why,
        event_about=about,
        ended_at=now,
        ended_by=ended_by,
        trouble=trouble,
        trouble_at=now,
    )
    await identities.revoke_previous(enrollment, now)
    await identities.revoke(enrollment.certificate_id, now, "cessationOfOperation")
    await current.keep(enrollment.device_id)


async def unenroll(udid: str, *, now: datetime, actor: str) -> None:
    """End the management of a Mac on an administrator's word. Audited.

    Raises:
        DeviceUnknown: There is no such Mac, or it is not enrolled.
        StaleState: It checked out meanwhile.
    """
    device = await Device.get_or_none(udid=udid)
    live = await Enrollment.filter(device_id=device.id, status__in=LIVE) if device else []
    if device is None or not live:
        raise DeviceUnknown("this Mac is not enrolled")
    async with transaction():
        for enrollment in live:
            await sessions.lock_session(enrollment.session_id)
            await end_enrollment(enrollment, "", now=now, ended_by="administrator", actor=actor)
        await audit.record(actor, "device.unenrolled", now=now, subject=udid, detail=str(live[0].person_id))
