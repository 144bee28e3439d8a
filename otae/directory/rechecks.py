"""Whether a directory still lets somebody in, asked again while their Mac is on its way or its certificate is renewed.

Nobody tells us when a directory disables somebody: it is asked at the steps that bind a Mac and before a renewal, and
by the clock about everybody whose sign-in is open.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from otae.directory import registry
from otae.directory.local import shut_out
from otae.directory.person_fields import DOMAIN
from otae.errors import Refusal
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Person
from otae.store.session_ends import LIVE

#: Seconds between the clock's looks.
EVERY: Final = 60
#: Seconds that a step of a Mac waits for a directory: one that is silent changes nothing.
PATIENCE: Final = 3.0
GONE: Final = "the directory no longer has the user"

log = structlog.get_logger("otae.directory")


async def is_let_in(desk: Desk, person_id: UUID, *, now: datetime) -> bool:
    """Tell whether somebody may go on; as `let_in`."""
    return person_id in await let_in(desk, [person_id], now=now)


async def let_in(desk: Desk, people: Iterable[UUID], *, now: datetime) -> set[UUID]:
    """Return those of ``people`` who may go on, asking their directories; call it outside a transaction.

    Whom a directory has disabled, or no longer has, is signed out and their open sessions end. They are as last known
    where a directory does not answer in time; our own people are as our table says.
    """
    inside: set[UUID] = set()
    away: set[str] = set()
    for person in await Person.filter(id__in=set(people), disabled=False):
        try:
            if person.domain in away or await _ask(desk, person, now):
                inside.add(person.id)
        except (Refusal, TimeoutError) as error:
            inside.add(person.id)
            away.add(person.domain)
            log.warning("people were not looked up again", domain=person.domain, reason=type(error).__name__)
    return inside


async def look_again(desk: Desk, *, now: datetime) -> None:
    """Ask the directories about everybody whose sign-in is open."""
    moving = EnrollmentSession.filter(status__in=LIVE, rehearsal=False).exclude(person__domain=DOMAIN)
    found: set[UUID] = {row.person_id for row in await moving.only("id", "person_id")}
    await let_in(desk, found, now=now)


async def _ask(desk: Desk, person: Person, now: datetime) -> bool:
    if person.domain == DOMAIN:
        return True
    async with asyncio.timeout(PATIENCE):
        directory = await registry.directory_of(desk, person.domain)
        found = await directory.person_of(person.directory_id or "")
    if found is None:
        await shut_out([person.id], now=now, why=GONE)
        return False
    return not (await registry.keep(found, now)).disabled
