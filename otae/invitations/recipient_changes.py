"""What has changed about a person since they were invited: an invitation keeps whom it was made out to."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otae.delivery.phones import default_region
from otae.directory import registry
from otae.directory.person_fields import DOMAIN
from otae.errors import DirectoryUnavailable, PersonAmbiguous
from otae.invitations.pin_delivery import snapshot
from otae.store.desk import Desk
from otae.store.models import Invitation, Person

#: Seconds that a directory is waited for: a page is not to hang on it.
PATIENCE: Final = 3
#: What is compared, by column.
COMPARED: Final = ("display_name", "email", "phone")


@dataclass(frozen=True)
class Change:
    """One fact that is another now. ``field``: "display_name", "email" or "phone"; "" where there was or is none."""

    field: str
    then: str
    now: str


@dataclass(frozen=True)
class Since:
    """What changed since somebody was invited.

    ``changes``: fact by fact. ``gone``: the directory has nobody any more whom it knew as this person. ``asked``:
    whether the directory answered; if not, the changes are those up to when it was last asked.
    """

    changes: tuple[Change, ...]
    gone: bool = False
    asked: bool = True


async def since(desk: Desk, invitation: Invitation, *, now: datetime) -> Since:
    """Compare an invitation with its person as the directory has them now, for at most three seconds."""
    person = await Person.get(id=invitation.person_id)
    asked, gone = True, False
    if person.domain != DOMAIN:
        try:
            async with asyncio.timeout(PATIENCE):
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
    return Since(tuple(changed), gone=gone, asked=asked)
