"""A Mac's certificate before it ends: the enrollment profile once more, with a SCEP challenge for a new one.

InstallProfile with the same top PayloadIdentifier makes a Mac run SCEP again and send Authenticate with the new
certificate (``checkin``). Topic, addresses and rights stay what they were: a Mac refuses the update otherwise. Until
pushes are sent, a Mac gets it when it connects by itself.
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
from otae.enrollment.profiles import workshop
from otae.errors import StaleState
from otae.mdm import queue
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Command, Enrollment, EnrollmentSession
from otae.store.states import EnrollmentStatus

#: A renewal that came to its end without a new certificate is tried again after this long.
AGAIN: Final = timedelta(days=1)
_AT_ONCE: Final = 500


async def renew_due(desk: Desk, *, now: datetime) -> int:
    """Queue a renewal for every Mac whose certificate ends soon; return how many were queued.

    Soon is server property identity.renew.days; a Mac past identity.grace.days can no longer say anything and has to be
    enrolled again, and the Mac of somebody who is disabled, here or in a directory, gets none. Never two renewals of a
    Mac wait at once. Safe to call at any time, by several processes.
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
    # Those of whom a directory no longer has stay due until their certificate ends: they hold nobody else up.
    while queued < _AT_ONCE and (found := await due.filter(id__gt=last).order_by("id").limit(_AT_ONCE)):
        let_in = await rechecks.still_allowed(desk, (enrollment.person_id for enrollment in found), now=now)
        queued += sum([await _queue(enrollment, now) for enrollment in found if enrollment.person_id in let_in])
        last = found[-1].id
    return queued


def _under_way(now: datetime) -> QuerySet[Command]:
    """Return the renewals that wait, or were tried not long ago."""
    return Command.filter(Q(status__in=queue.OPEN) | Q(created_at__gt=now - AGAIN), purpose=queue.RENEWAL)


async def _queue(enrollment: Enrollment, now: datetime) -> bool:
    async with transaction():
        await sessions.take(enrollment.session_id)
        if await _under_way(now).filter(enrollment_id=enrollment.id).exists():
            return False
        await queue.enqueue(enrollment, "InstallProfile", queue.RENEWAL, now=now)
    return True


async def command(desk: Desk, enrollment: Enrollment, waiting: Command, *, now: datetime) -> bytes:
    """Return the InstallProfile command with a profile made for this sending; b"" when it is not to be sent.

    Closed meanwhile, or kept back while the Mac's person is disabled, here or in a directory.

    Its challenge lives scep.challenge.minutes and works once: the first one used closes those of earlier sendings.
    """
    if not await rechecks.is_still_allowed(desk, enrollment.person_id, now=now):
        return b""
    session = await EnrollmentSession.get(id=enrollment.session_id)
    made_of = await workshop(desk, generated_topic=True, topic=enrollment.topic)
    until = now + timedelta(minutes=await properties.number("scep.challenge.minutes"))
    try:
        async with transaction():
            await sessions.take(session.id)
            await queue.sent(waiting, enrollment, now=now)
            await sessions.keep_few_challenges(session, sessions.RENEWAL)
            challenge = await sessions.mint_challenge(session, sessions.RENEWAL, now=now, expires_at=until)
    except StaleState:
        return b""
    profile = made_of.sign(made_of.enrollment(session, challenge))
    return install_profile(str(waiting.id).upper(), profile)
