"""The recipient of an invitation that is sent again: looked up anew, because address or number may have changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otae.errors import InputRefused
from otae.invitations.pin_delivery import snapshot
from otae.invitations.recipient_changes import RecipientChanges, compare
from otae.store.desk import Desk
from otae.store.models import Invitation, Person
from otae.store.properties import default_region
from otae.translatable import N_

#: Which address and number to use where they changed: the current ones, or those used before.
NEW, OLD = "new", "old"
ADDRESSES: Final = (NEW, OLD)
#: Columns with an address or number.
CONTACT_FIELDS: Final = ("email", "phone")


@dataclass(frozen=True)
class Recipient:
    """The recipient of a message.

    ``person``: with the address and number to use this time; ``columns``: what the invitation stores of them.
    ``words``: note for the timeline, "" when nothing changed. ``unreachable``: whether the person's directory did not
    answer.
    """

    person: Person
    columns: Mapping[str, str | None]
    words: str
    unreachable: bool


async def last_known(invitation: Invitation) -> Recipient:
    """Return the recipient as last known, without asking a directory; for an invitation that is not sent."""
    person = await Person.get(id=invitation.person_id)
    return Recipient(person, snapshot(person, await default_region()), "", unreachable=False)


async def look_up(
    desk: Desk, invitation: Invitation, *, address: str = NEW, ask_directory: bool = True, now: datetime
) -> Recipient:
    """Look the person of ``invitation`` up again, for three seconds at most, and return the recipient.

    Args:
        address: `NEW` or `OLD`: which address and number to use where they changed.
        ask_directory: False where the directory was just found not to answer.

    Raises:
        InputRefused: "recipient": the directory no longer has the person; "address": it is not one of `ADDRESSES`.
    """
    if address not in ADDRESSES:
        raise InputRefused({"address": N_("choose %(others)s or %(last)s", others=NEW, last=OLD)})
    found = (
        await compare(desk, invitation, now=now) if ask_directory else RecipientChanges((), directory_answered=False)
    )
    person = await Person.get(id=invitation.person_id)
    if found.gone:
        gone = N_("%(name)s is no longer in the directory %(domain)s", name=person.name, domain=person.domain)
        raise InputRefused({"recipient": gone})
    columns, words = snapshot(person, await default_region()), []
    if not found.directory_answered:
        words.append(f"the directory {person.domain} did not answer: {person.name} as last known")
    for name in CONTACT_FIELDS:
        then, today = getattr(invitation, name), columns[name]
        if then == today:
            continue
        if address == OLD:
            columns[name] = then
        before, after = then or "none", today or "none"
        words.append(f"{name} of before, {before}, now {after}" if address == OLD else f"{after}, not {before}")
    person.update_from_dict({name: columns[name] for name in CONTACT_FIELDS})  # of this row in memory: nobody saves it
    return Recipient(person, columns, "; ".join(words), not found.directory_answered)
