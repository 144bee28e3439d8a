"""Renews a Mac's certificate before it ends: sends the enrollment profile again, with a SCEP challenge for a new one.

InstallProfile with the same top PayloadIdentifier makes a Mac run SCEP again and send Authenticate with the new
certificate (`checkin`). Topic, addresses and rights stay as they were: a Mac refuses the update otherwise. As no pushes
are sent, a Mac gets it when it connects by itself.
https://developer.apple.com/documentation/devicemanagement/install-profile-command
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from otae.apple.commands import install_profile
from otae.directory import rechecks
from otae.enrollment import sessions
from otae.enrollment.profiles import profile_builder
from otae.errors import StaleState
from otae.mdm import queue
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Command, Enrollment, EnrollmentSession
from otae.store.states import EnrollmentStatus

#: A renewal that ended without a new certificate is tried again after this time.
RETRY_AFTER: Final = timedelta(days=1)
_BATCH: Final = 500


async def renew_due(desk: Desk, *, now: datetime) -> int:
    """Queue a renewal for every Mac whose certificate ends soon; return how many were queued.

    Soon means within the server property identity.renew.days. A Mac past identity.grace.days cannot connect any more
    and has to be enrolled again; the Mac of somebody who is disabled, here or in a directory, is not renewed. A Mac has
    at most one pending renewal. Safe to call at any time, by several processes.
    """
    days = await properties.read_some("identity.renew.days", "identity.grace.days")
    due = Enrollment.filter(
        status=EnrollmentStatus.ENROLLED,
        rehearsal=False,
        person__disabled=False,
        certificate__state="issued",
        certificate__not_after__lte=now + timedelta(days=int(days["identity.renew.days"])),
        certificate__not_after__gt=now - timedelta(days=int(days["identity.grace.days"])),
        id__not_in=Subquery(_under_way(now).values("enrollment_id")),
    )
    queued, last = 0, UUID(int=0)
    # Macs of people whom a directory no longer has stay due until their certificate ends: they must not block others.
    while queued < _BATCH and (found := await due.filter(id__gt=last).order_by("id").limit(_BATCH)):
        allowed = await rechecks.still_allowed(desk, (enrollment.person_id for enrollment in found), now=now)
        queued += sum([await _queue(enrollment, now) for enrollment in found if enrollment.person_id in allowed])
        last = found[-1].id
    return queued


def _under_way(now: datetime) -> QuerySet[Command]:
    """Return the renewals that are pending, or were tried within `RETRY_AFTER`."""
    return Command.filter(Q(status__in=queue.OPEN) | Q(created_at__gt=now - RETRY_AFTER), purpose=queue.RENEWAL)


async def _queue(enrollment: Enrollment, now: datetime) -> bool:
    async with transaction():
        await sessions.lock_session(enrollment.session_id)
        if await _under_way(now).filter(enrollment_id=enrollment.id).exists():
            return False
        await queue.enqueue(enrollment, "InstallProfile", queue.RENEWAL, now=now)
    return True


async def command(desk: Desk, enrollment: Enrollment, queued: Command, *, now: datetime) -> bytes:
    """Return the InstallProfile command with a profile made for this sending; b"" when it must not be sent.

    It is not sent when it was closed meanwhile, or while the Mac's person is disabled, here or in a directory. Its
    challenge is valid for scep.challenge.minutes and once: the first one used closes those of earlier sendings.
    """
    if not await rechecks.is_still_allowed(desk, enrollment.person_id, now=now):
        return b""
    session = await EnrollmentSession.get(id=enrollment.session_id)
    builder = await profile_builder(desk, generated_topic=True, topic=enrollment.topic)
    until = now + timedelta(minutes=await properties.number("scep.challenge.minutes"))
    try:
        async with transaction():
            await sessions.lock_session(session.id)
            await queue.record_sent(queued, enrollment, now=now)
            await sessions.prune_challenges(session, sessions.RENEWAL)
            challenge = await sessions.mint_challenge(session, sessions.RENEWAL, now=now, expires_at=until)
    except StaleState:
        return b""
    profile = builder.sign(builder.enrollment(session, challenge))
    return install_profile(str(queued.id).upper(), profile)
