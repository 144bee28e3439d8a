"""What tests of the phases share: a session with its Challenge, and what became of it."""

import pytest
from structlog.contextvars import get_contextvars

from otae.enrollment import ota
from otae.errors import (
    Refusal,
)
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, Device, Enrollment, EnrollmentSession, Event
from tests.enrollment import lab
from tests.enrollment.lab import LabMac


async def started(desk: Desk, who: str = "ben", **invited: object) -> tuple[EnrollmentSession, str]:
    """Open a session and download phase 1; returns the Challenge."""
    now = await database.now()
    session = await lab.signed_in(desk, now, who, columns=invited)
    return session, lab.challenge_of(await ota.phase_one(desk, session, now=now))


async def state(session: EnrollmentSession) -> tuple[str, str | None, str | None]:
    row = await EnrollmentSession.get(id=session.id)
    return row.status, row.udid, row.refusal


async def refused(desk: Desk, body: bytes, refusal: type[Refusal]) -> Refusal:
    """Post a message that must be refused, and recorded with its session where it names one."""
    certificates = await Certificate.all().count()
    with pytest.raises(refusal) as caught:
        await ota.answer(desk, body, now=await database.now())
    said = get_contextvars()
    assert (said["refusal"], said["support_code"]) == (refusal.code, caught.value.support_code)
    assert len(caught.value.support_code) in {5, 8}
    event = await Event.filter(kind="refused", support_code=caught.value.support_code).order_by("-id").first()
    assert event is None or (event.code == refusal.code and event.session_id)
    assert await Certificate.all().count() == certificates
    return caught.value


async def certified(desk: Desk, mac: LabMac, who: str = "ben") -> EnrollmentSession:
    """Take ``mac`` to the door of phase 3."""
    session, challenge = await started(desk, who)
    now = await database.now()
    mac.ota = await mac.identity(desk, lab.challenge_of(await mac.phase_two(desk, challenge, now)), now)
    return session


async def enrolled(mac: LabMac, who: str) -> Device:
    """Store an enrollment of ``mac`` by ``who``, as TokenUpdate leaves it."""
    now = await database.now()
    session = EnrollmentSession(
        person=await lab.person(now, who), mode="m", ownership="corporate", way="ota", opened_at=now, expires_at=now
    )
    await session.save()
    certificate = Certificate(purpose="mdm-identity", serial_number=mac.serial, subject="", not_before=now)
    certificate.not_after = certificate.created_at = now
    await certificate.save()
    device = Device(udid=mac.udid, serial=mac.serial, created_at=now, seen_at=now)
    await device.save()
    await Enrollment(
        device=device,
        session=session,
        person_id=session.person_id,
        certificate=certificate,
        ownership="corporate",
        status="enrolled",
        topic="com.apple.mgmt.x",
        authenticated_at=now,
        enrolled_at=now,
    ).save()
    return device
