"""Compares the recipient stored in an invitation with the person as they are now."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otae.directory import registry
from otae.directory.local.person_fields import DOMAIN
from otae.errors import DirectoryUnavailable, PersonAmbiguous
from otae.invitations.pin_delivery import snapshot
from otae.store.desk import Desk
from otae.store.models import Invitation, Person
from otae.store.properties import default_region

#: Seconds to wait for a directory, so that a page does not hang on it.
DIRECTORY_TIMEOUT: Final = 3
#: Columns that are compared.
COMPARED: Final = ("display_name", "email", "phone")


@dataclass(frozen=True)
class Change:
    """One field that changed: "display_name", "email" or "phone"; a value is "" where there was or is none."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class RecipientChanges:
    """What changed since the invitation.

    ``gone``: the directory no longer has this person. ``directory_answered``: if False, the changes are those known
    from when the directory was last asked.
    """

    changes: tuple[Change, ...]
    gone: bool = False
    directory_answered: bool = True


async def compare(desk: Desk, invitation: Invitation, *, now: datetime) -> RecipientChanges:
    """Compare an invitation with its person, asking the person's directory for at most `DIRECTORY_TIMEOUT` seconds."""
    person = await Person.get(id=invitation.person_id)
    asked, gone = True, False
    if person.domain != DOMAIN:
        try:
            async with asyncio.timeout(DIRECTORY_TIMEOUT):
                directory = await registry.directory_of(desk, person.domain)
                found = await directory.find_by_id(person.directory_id or "")
        except (DirectoryUnavailable, PersonAmbiguous, TimeoutError):
            asked = False
        else:
            gone = found is None
            person = await registry.save_person(found, now) if found else person
    today = snapshot(person, await default_region())
    then = {name: str(getattr(invitation, name) or "") for name in COMPARED}
    changed = [Change(name, then[name], today[name] or "") for name in COMPARED if then[name] != (today[name] or "")]
    return RecipientChanges(tuple(changed), gone=gone, directory_answered=asked)
