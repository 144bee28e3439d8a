"""Whom an invitation goes to when it is sent again: looked up anew, for what was right then may be wrong now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otae.delivery.phones import default_region
from otae.errors import InputRefused
from otae.invitations.pin_delivery import snapshot
from otae.invitations.recipient_changes import Since, since
from otae.store.desk import Desk
from otae.store.models import Invitation, Person

#: Where it goes when address or number changed: to the current ones, or those it went to before.
NEW, OLD = "new", "old"
ADDRESSES: Final = (NEW, OLD)
#: What is meant by the two.
REACHED_BY: Final = ("email", "phone")


@dataclass(frozen=True)
class Recipient:
    """Who is written to. ``person``: as they are reached this time; ``columns``: what the invitation keeps of them.

    ``words``: what is to be told of it, "" when all is as it was. ``away``: their directory did not answer.
    """

    person: Person
    columns: Mapping[str, str | None]
    words: str
    away: bool


async def as_known(invitation: Invitation) -> Recipient:
    """Return the person of ``invitation`` as last known, without asking anybody: nothing is sent."""
    person = await Person.get(id=invitation.person_id)
    return Recipient(person, snapshot(person, await default_region()), "", away=False)


async def recipient(
    desk: Desk, invitation: Invitation, *, address: str = NEW, look: bool = True, now: datetime
) -> Recipient:
    """Look the person of ``invitation`` up anew, for three seconds at most, and return who is written to.

    ``look``: False where the directory was just found to be away. Raises InputRefused: "recipient" for somebody whom
    the directory has no more, "address" for a choice that is none.
    """
    if address not in ADDRESSES:
        raise InputRefused({"address": f"choose {' or '.join(ADDRESSES)}"})
    found = await since(desk, invitation, now=now) if look else Since((), asked=False)
    person = await Person.get(id=invitation.person_id)
    if found.gone:
        raise InputRefused({"recipient": f"{person.name} is no longer in the directory {person.domain}"})
    columns, words = snapshot(person, await default_region()), []
    if not found.asked:
        words.append(f"the directory {person.domain} did not answer: {person.name} as last known")
    for name in REACHED_BY:
        then, today = getattr(invitation, name), columns[name]
        if then == today:
            continue
        if address == OLD:
            columns[name] = then
        said = (then or "none", today or "none")
        words.append("{} of before, {}, now {}".format(name, *said) if address == OLD else "{1}, not {0}".format(*said))
    person.update_from_dict({name: columns[name] for name in REACHED_BY})  # of this row in memory: nobody saves it
    return Recipient(person, columns, "; ".join(words), not found.asked)
