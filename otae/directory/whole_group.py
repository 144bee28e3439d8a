"""Reads all members of a group, for what acts on who is missing: an answer that may be incomplete counts as none."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.directory import DirectoryPerson, registry
from otae.directory.local.person_fields import DOMAIN
from otae.errors import DirectoryUnavailable, GroupAmbiguous
from otae.store.desk import Desk
from otae.translatable import N_

#: Why there is no complete answer.
AWAY, GONE, AMBIGUOUS, EMPTY = "away", "gone", "ambiguous", "empty"
WORDS: Final = {
    AWAY: N_("The directory did not answer completely"),
    GONE: N_("There is no group with this name any more"),
    AMBIGUOUS: N_("Several groups have this name now"),
    EMPTY: N_("The group has no members any more"),
}


class IncompleteAnswer(Exception):
    """The members of a group are not known. ``detail``: what the directory said, "" for nothing."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


async def read(
    desk: Desk, domain: str, name: str, *, now: datetime, after_page: Callable[[], Awaitable[None]] | None = None
) -> set[UUID]:
    """Return the ids of all members of a group, nested groups included; people of a directory get their rows.

    Args:
        after_page: Called after each page, so that the caller can extend a lease.

    Raises:
        IncompleteAnswer: The directory did not answer to the end, or there is no such group, or it is empty.
    """
    members: set[UUID] = set()
    try:
        directory = await registry.directory_of(desk, domain)
        group = await directory.find_group(name)
        if group is None:
            raise IncompleteAnswer(GONE)
        after = ""
        while True:
            page = await directory.members(group, after)
            members |= await _ids(page.people, now)
            if after_page:
                await after_page()
            if not (after := page.after):
                break
    except GroupAmbiguous as refusal:
        raise IncompleteAnswer(AMBIGUOUS, refusal.detail) from None
    except DirectoryUnavailable as refusal:
        raise IncompleteAnswer(AWAY, refusal.detail) from None
    if not members:
        raise IncompleteAnswer(EMPTY)
    return members


async def _ids(people: Iterable[DirectoryPerson], now: datetime) -> set[UUID]:
    """Return the ids of the rows of people from one source; those of a directory are made where they are missing."""
    ours = {UUID(person.directory_id) for person in people if person.domain == DOMAIN}
    return ours or {person.id for person in await registry.save_people(people, now)}
