"""What an invitation would say and do, while its form is filled in; nothing is stored."""

from dataclasses import dataclass
from datetime import datetime

from otae.delivery.texts import compose
from otae.delivery.texts.compose import Preview
from otae.directory.local import people
from otae.directory.reach import EVERYBODY, Reach
from otae.invitations.channels import BY_HAND
from otae.invitations.terms import InvitationTerms, check_terms, columns
from otae.store.desk import Desk
from otae.store.mode_table import Mode
from otae.store.models import Invitation, Person


@dataclass(frozen=True)
class InvitationPreview:
    """An invitation as it would be made. ``known``: whether its person is one of ours; else the values are samples.

    ``messages``: what would be sent, link and PIN left blank.
    """

    mode: Mode
    person: Person
    known: bool
    valid_until: datetime | None
    messages: list[Preview]


async def preview(
    desk: Desk, requested: InvitationTerms, user: str, *, now: datetime, actor: str, reach: Reach = EVERYBODY
) -> InvitationPreview | None:
    """Return the invitation of ``user`` as requested; None for an unknown mode. What is wrong is left out."""
    checked, wrong = await check_terms(requested, now=now)
    if checked is None:
        return None
    found = await people.find_person(user)
    known = found is not None and await reach.includes(found.id)
    person = found if found and known else Person(name="ada", display_name="Ada Example", email="ada@example.test")
    terms, mode = checked.terms, checked.mode
    end = mode.end(now) if "valid_until" in wrong else terms.valid_until or mode.end(now)
    values = columns(terms) | {"valid_until": end, "created_by": actor}
    values |= {name: "" for name in wrong if isinstance(values.get(name), str)}
    invitation = Invitation(person_id=person.id, **values)
    invitation.person = person  # who may not be stored
    messages = [await compose.preview(desk, invitation, "url")] if terms.send else []
    if terms.send and mode.secret and checked.channel not in BY_HAND:
        messages.append(await compose.preview(desk, invitation, "pin", channel=checked.channel))
    return InvitationPreview(mode, person, known, end, messages)
