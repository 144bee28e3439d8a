"""Asking directories again whether people are still enabled, during an enrollment and before a certificate's renewal.

Directories do not notify us when they disable somebody. So they are asked at the steps that bind a Mac, before a
renewal, and by the clock about everybody with an open enrollment session.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from otae.directory import DirectoryPerson, registry
from otae.directory.ldap import servers
from otae.directory.local.people import end_access
from otae.directory.local.person_fields import DOMAIN
from otae.errors import Refusal
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Person
from otae.store.session_ends import LIVE

#: Seconds between the clock's checks.
INTERVAL: Final = 60
#: Seconds that a Mac's step waits for a directory; without an answer the person stays as last known.
LONGEST_WAIT: Final = 3.0
GONE: Final = "the directory no longer has the user"

log = structlog.get_logger("otae.directory")


async def is_still_allowed(desk: Desk, person_id: UUID, *, now: datetime) -> bool:
    """Return whether one person may go on; see `still_allowed`."""
    return person_id in await still_allowed(desk, [person_id], now=now)


async def still_allowed(desk: Desk, people: Iterable[UUID], *, now: datetime) -> set[UUID]:
    """Ask the directories about ``people`` and return those who may go on; call it outside a transaction.

    People who were disabled or deleted in their directory are signed out, and their open sessions end. When a directory
    does not answer in time, its people stay as last known. Local people are not asked about.
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


async def is_still_signed_in(desk: Desk, person: Person, password_changed: str, *, now: datetime) -> bool:
    """Ask the directory whether somebody who signed in with a password is still let in; call it outside a transaction.

    They are not when they were disabled or deleted, the directory says that the password was changed since, or it is no
    longer connected. When it does not answer in time, the person stays signed in. Local people are not asked about:
    their browsers end with the change.

    Args:
        password_changed: `DirectoryPerson.password_changed` at the sign-in.
    """
    if person.domain == DOMAIN:
        return True
    if await servers.find_directory(person.domain) is None:
        return False
    try:
        found = await _look_up(desk, person, now)
    except (Refusal, TimeoutError) as error:
        log.warning("a person was not looked up again", domain=person.domain, reason=type(error).__name__)
        return True
    return found is not None and (not password_changed or found.password_changed <= password_changed)


async def recheck_open_sign_ins(desk: Desk, *, now: datetime) -> None:
    """Ask the directories about everybody with an open enrollment session."""
    moving = EnrollmentSession.filter(status__in=LIVE, rehearsal=False).exclude(person__domain=DOMAIN)
    person_ids: set[UUID] = {row.person_id for row in await moving.only("id", "person_id")}
    await still_allowed(desk, person_ids, now=now)


async def _ask(desk: Desk, person: Person, now: datetime) -> bool:
    return person.domain == DOMAIN or await _look_up(desk, person, now) is not None


async def _look_up(desk: Desk, person: Person, now: datetime) -> DirectoryPerson | None:
    """Return what the directory says of a person, None for somebody who was disabled or deleted, and end their access.

    Raises:
        Refusal, TimeoutError: The directory did not answer.
    """
    async with asyncio.timeout(LONGEST_WAIT):
        directory = await registry.directory_of(desk, person.domain)
        found = await directory.find_by_id(person.directory_id or "")
    if found is None:
        await end_access([person.id], now=now, why=GONE)
        return None
    return None if (await registry.save_person(found, now)).disabled else found
