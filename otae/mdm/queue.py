"""Commands that wait for a Mac: kept in the database until the Mac said what became of them.

https://developer.apple.com/documentation/devicemanagement/commands-and-queries
Nothing wakes a Mac here: it gets what waits when it connects the next time.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.apple.commands import CommandAnswer, Status
from otae.errors import StaleState
from otae.store.models import Command, Enrollment, EnrollmentSession
from otae.store.records import About, Happening, about, advance, note
from otae.store.states import MOVES, CommandStatus

RENEWAL: Final = "renewal"
#: A command that is sent or put off again sooner than this leaves no event.
TOLD_AGAIN: Final = timedelta(hours=1)
#: A command in one of these states still waits for its end.
OPEN: Final = (CommandStatus.QUEUED, CommandStatus.SENT, CommandStatus.NOT_NOW)

_BECOMES: Final = {
    Status.ACKNOWLEDGED: CommandStatus.ACKNOWLEDGED,
    Status.ERROR: CommandStatus.ERROR,
    Status.COMMAND_FORMAT_ERROR: CommandStatus.ERROR,
    Status.NOT_NOW: CommandStatus.NOT_NOW,
}


async def whose(enrollment: Enrollment) -> About:
    """Return what an event about a command of ``enrollment`` belongs to."""
    session = await EnrollmentSession.get(id=enrollment.session_id)
    return replace(about(session), device_id=enrollment.device_id)


async def enqueue(enrollment: Enrollment, request_type: str, purpose: str, *, now: datetime) -> Command:
    """Queue a command, inside the caller's transaction; ``purpose`` says what it is made from when it is sent."""
    command = Command(enrollment_id=enrollment.id, request_type=request_type, purpose=purpose, created_at=now)
    await command.save()
    await note("command.queued", now=now, about=await whose(enrollment), detail=f"{request_type} for {purpose}")
    return command


async def waiting(enrollment: Enrollment, *, after_not_now: bool) -> Command | None:
    """Return the oldest command to send now, also one whose answer never came.

    ``after_not_now``: the Mac has just said that it has no time; what it put off waits for another connection.
    """
    statuses = OPEN[:2] if after_not_now else OPEN
    return await Command.filter(enrollment_id=enrollment.id, status__in=statuses).order_by("created_at").first()


async def sent(command: Command, enrollment: Enrollment, *, now: datetime) -> None:
    """Record that a command goes out, inside the caller's transaction. Raises StaleState when it was closed meanwhile.

    A sending soon after another leaves no event of its own. Every sending of a command has the same CommandUUID, so
    that a Mac which did it twice says so of one command.
    """
    event: str | list[Happening] = [] if _just_now(command.sent_at, now) else "command.sent"
    to, whom = CommandStatus.SENT, await whose(enrollment)
    await advance(command, to, event=event, now=now, detail=command.request_type, to_whom=whom, sent_at=now)


async def answered(enrollment: Enrollment, said: CommandAnswer, *, now: datetime) -> None:
    """Keep what became of a command. A second answer, or one to a command nobody sent, changes nothing."""
    to = _BECOMES.get(said.status)
    try:
        command = await Command.get_or_none(id=UUID(said.command_uuid), enrollment_id=enrollment.id)
    except ValueError:
        return
    if to is None or command is None or to not in MOVES[Command][command.status]:
        return
    why = "; ".join(f"{link.domain} {link.code}: {link.description}" for link in said.error_chain)
    detail = f"{command.request_type} {why}".strip()
    again = to is CommandStatus.NOT_NOW and _just_now(command.answered_at, now)
    event: str | list[Happening] = [] if again else f"command.{to}"
    try:
        whom = await whose(enrollment)
        await advance(command, to, event=event, now=now, detail=detail, to_whom=whom, answered_at=now)
    except StaleState:
        return  # the same answer, sent twice, was quicker


def _just_now(before: datetime | None, now: datetime) -> bool:
    """Tell whether the same of a command stands in the timeline already: a Mac may ask for it as often as it likes."""
    return before is not None and before > now - TOLD_AGAIN


async def close_renewals(enrollment: Enrollment, *, now: datetime) -> None:
    """Close what waits to renew a certificate that was renewed, inside the caller's transaction."""
    whom = await whose(enrollment)
    for command in await Command.filter(enrollment_id=enrollment.id, purpose=RENEWAL, status__in=OPEN):
        to = CommandStatus.ACKNOWLEDGED
        await advance(command, to, event="command.acknowledged", now=now, to_whom=whom, answered_at=now)
