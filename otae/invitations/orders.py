"""An invitation as an administrator requests it, and the checks of that request."""

from dataclasses import dataclass
from datetime import datetime

from otae.directory.local import person_fields
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused
from otae.invitations import channels, mac_rules, recipients
from otae.invitations.terms import CheckedTerms, InvitationTerms, check_terms
from otae.store.desk import Desk
from otae.store.mode_table import Mode
from otae.store.models import Person
from otae.translatable import N_, joined


@dataclass(frozen=True)
class InvitationOrder:
    """An invitation as it is requested.

    ``user``: user name, "DOMAIN/NAME" for somebody in a directory. ``person``: the person, if ``user`` was looked up
    already. ``show_pin``: make the PIN now, even when nothing is sent, and return it once. ``rehearsal``: set by
    rehearsals alone, never by a form. ``reach``: people outside of it are treated as unknown.
    """

    user: str
    terms: InvitationTerms
    show_pin: bool = False
    rehearsal: bool = False
    reach: Reach = EVERYBODY
    person: Person | None = None


async def check(desk: Desk, order: InvitationOrder, *, now: datetime) -> tuple[Person, CheckedTerms]:
    """Return the person to invite and the complete terms.

    Raises:
        InputRefused: Names everything that is missing or wrong: "recipient", "show_pin", and the fields of
            `check_terms`.
    """
    checked, wrong = await check_terms(order.terms, now=now, show_pin=order.show_pin, rehearsal=order.rehearsal)
    person, nobody = order.person, ""
    if person is None:
        person, nobody = await recipients.find(desk, order.user, now=now, rehearsal=order.rehearsal, reach=order.reach)
    mode, sending = checked.mode if checked else None, order.terms.send
    if person is None:
        wrong["recipient"] = nobody
    elif missing := what_is_missing(person, mode, sending=sending):
        wrong["recipient"] = missing
    elif not order.rehearsal and (words := await mac_rules.too_many(person, order.terms.serial or "")):
        wrong["recipient"] = words
    elif checked and sending and (missing := await _unreachable(checked, person)):
        wrong["pin_channel"] = missing
    if wrong or person is None or checked is None:
        raise InputRefused(wrong)
    return person, checked


async def _unreachable(checked: CheckedTerms, person: Person) -> str:
    """Return why the message with the PIN would not reach ``person``, "" when it would, or when there is none."""
    by_message = checked.mode.secret and checked.channel not in channels.BY_HAND
    return await channels.why_undeliverable(checked.channel, person) if by_message else ""


def what_is_missing(person: Person, mode: Mode | None, *, sending: bool) -> str:
    """Return why ``person`` cannot be invited in ``mode``, "" when nothing prevents it."""
    called = person.display_name or person.name
    if person.disabled:
        return N_("%(person)s is disabled", person=called)
    missing = []
    if sending and not person.email:
        missing.append(N_("an e-mail address, which sending the invitation needs"))
    if mode is not None and mode.authentication and lacks_password(person):
        missing.append(N_("a password, which %(title)s needs", title=mode.title))
    lacking = joined(missing, N_(" and "))
    return N_("%(person)s lacks %(lacking)s", person=called, lacking=lacking) if missing else ""


def lacks_password(person: Person) -> bool:
    """Return whether ``person`` has no password at all; people of a directory always have one there."""
    return person.domain == person_fields.DOMAIN and not person.password_hash
