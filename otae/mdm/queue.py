"""Commands for Macs: stored in the database until the Mac has answered them.

Nothing wakes a Mac here: it gets its commands when it connects the next time. `commands` answers it.
https://developer.apple.com/documentation/devicemanagement/commands-and-queries
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.apple.commands import CommandAnswer, Status
from otae.errors import StaleState
from otae.store import notices
from otae.store.database import transaction
from otae.store.models import Command, Enrollment, EnrollmentSession
from otae.store.records import About, EventDetail, about, advance, note
from otae.store.states import MOVES, CommandStatus

RENEWAL: Final = "renewal"
#: A command that is sent or put off again within this time records no event.
EVENT_INTERVAL: Final = timedelta(hours=1)
#: States of a command that is not finished.
OPEN: Final = (CommandStatus.QUEUED, CommandStatus.SENT, CommandStatus.NOT_NOW)

_STATUS_FOR: Final = {
    Status.ACKNOWLEDGED: CommandStatus.ACKNOWLEDGED,
    Status.ERROR: CommandStatus.ERROR,
    Status.COMMAND_FORMAT_ERROR: CommandStatus.ERROR,
    Status.NOT_NOW: CommandStatus.NOT_NOW,
}


async def event_subject(enrollment: Enrollment) -> About:
    """Return the ids that an event about a command for ``enrollment`` is recorded with, the Mac's among them."""
    session = await EnrollmentSession.get(id=enrollment.session_id)
    return replace(about(session), device_id=enrollment.device_id)


async def enqueue(enrollment: Enrollment, request_type: str, purpose: str, *, now: datetime) -> Command:
    """Queue a command, inside the caller's transaction; ``purpose`` names what builds it when it is sent."""
    command = Command(enrollment_id=enrollment.id, request_type=request_type, purpose=purpose, created_at=now)
    await command.save()
    await note("command.queued", now=now, about=await event_subject(enrollment), detail=f"{request_type} for {purpose}")
    return command


async def next_command(enrollment: Enrollment, *, after_not_now: bool) -> Command | None:
    """Return the oldest command to send now, also one that was sent and never answered.

    Args:
        after_not_now: The Mac has just answered NotNow: commands that it put off wait for another connection.
    """
    statuses = OPEN[:2] if after_not_now else OPEN
    return await Command.filter(enrollment_id=enrollment.id, status__in=statuses).order_by("created_at").first()


async def record_sent(command: Command, enrollment: Enrollment, *, now: datetime) -> None:
    """Record that a command is sent, inside the caller's transaction. Raises StaleState if it was closed meanwhile.

    Sending it again within `EVENT_INTERVAL` records no event. Every sending of a command has the same CommandUUID, so
    that a Mac that executes it twice reports on one command.
    """
    event: str | list[EventDetail] = [] if _just_now(command.sent_at, now) else "command.sent"
    to, subject = CommandStatus.SENT, await event_subject(enrollment)
    await advance(command, to, event=event, now=now, detail=command.request_type, event_about=subject, sent_at=now)


async def record_answer(enrollment: Enrollment, report: CommandAnswer, *, now: datetime) -> None:
    """Store a Mac's answer to a command; a second answer, or one to a command that was never sent, changes nothing."""
    to = _STATUS_FOR.get(report.status)
    try:
        command = await Command.get_or_none(id=UUID(report.command_uuid), enrollment_id=enrollment.id)
    except ValueError:
        return
    if to is None or command is None or to not in MOVES[Command][command.status]:
        return
    why = "; ".join(f"{link.domain} {link.code}: {link.description}" for link in report.error_chain)
    detail = f"{command.request_type} {why}".strip()
    again = to is CommandStatus.NOT_NOW and _just_now(command.answered_at, now)
    event: str | list[EventDetail] = [] if again else f"command.{to}"
    try:
        subject = await event_subject(enrollment)
        async with transaction():
            await advance(command, to, event=event, now=now, detail=detail, event_about=subject, answered_at=now)
            if to is CommandStatus.ERROR and command.purpose == RENEWAL:
                await notices.tell(notices.RENEWAL, key=str(command.id), now=now, about=subject, detail=why)
    except StaleState:
        return  # the same answer, sent twice, was stored first


def _just_now(before: datetime | None, now: datetime) -> bool:
    """Return whether the same event was recorded a moment ago: a Mac may ask for a command as often as it likes."""
    return before is not None and before > now - EVENT_INTERVAL


async def close_renewals(enrollment: Enrollment, *, now: datetime) -> None:
    """Close pending renewals of a certificate that has been renewed, inside the caller's transaction."""
    subject = await event_subject(enrollment)
    for command in await Command.filter(enrollment_id=enrollment.id, purpose=RENEWAL, status__in=OPEN):
        to = CommandStatus.ACKNOWLEDGED
        await advance(command, to, event="command.acknowledged", now=now, event_about=subject, answered_at=now)
