"""What an administrator asks for when inviting somebody, and everything that may be wrong with it."""

import re
from dataclasses import dataclass
from uuid import UUID

from otae.directory import local
from otae.errors import InputRefused, ModeOff
from otae.invitations.modes import Mode, default_mode, mode_of
from otae.store.models import NotificationTemplate, Person

OWNERSHIPS = ("corporate", "employee")
PLATFORMS = ("macos",)
WAYS = ("ota", "profile")

#: Apple's serial numbers: 11 or 12 characters for long, 8 to 14 with the oldest and the newest.
_SERIAL = re.compile(r"[A-Z0-9]{8,14}")


@dataclass(frozen=True)
class InvitationOrder:
    """An invitation as it is asked for.

    ``user``: user name. ``mode``: None for the default one. ``serial``: bind to this Mac. ``send``: mail link and PIN.
    ``show_pin``: mint the PIN now, even when nothing is sent, and hand it back once. The templates: name or id of the
    one to use, None for the default. ``way``: "ota" or "profile", None for the server property. ``rehearsal``: set by
    rehearsals alone, reachable by no form.
    """

    user: str
    mode: str | None = None
    ownership: str = "corporate"
    platform: str = "macos"
    serial: str | None = None
    send: bool = True
    show_pin: bool = False
    url_template: str | None = None
    pin_template: str | None = None
    confirmation_template: str | None = None
    way: str | None = None
    rehearsal: bool = False


@dataclass(frozen=True)
class Terms:
    """What an order says apart from whom and which Mac."""

    mode: Mode
    url_template_id: UUID | None
    pin_template_id: UUID | None
    confirmation_template_id: UUID | None


@dataclass(frozen=True)
class CheckedOrder(Terms):
    """An order in which nothing is missing."""

    person: Person
    serial: str | None


async def check(order: InvitationOrder) -> CheckedOrder:
    """See that nothing is missing; InputRefused names all that is, by field.

    The fields: "recipient", "mode", "ownership", "platform", "serial", "templates", "way".
    """
    terms, wrong = await check_terms(order)
    person = await local.find_person(order.user)
    if missing := what_is_missing(person, terms.mode if terms else None, sending=order.send):
        wrong["recipient"] = missing
    serial = (order.serial or "").strip().upper() or None
    if serial and not _SERIAL.fullmatch(serial):
        wrong["serial"] = "a Mac's serial number has 8 to 14 letters and digits"
    if wrong or person is None or terms is None:
        raise InputRefused(wrong)
    return CheckedOrder(**vars(terms), person=person, serial=serial)


async def check_terms(order: InvitationOrder) -> tuple[Terms | None, dict[str, str]]:
    """Look at everything but person and serial number; return it with what is wrong, by field as in `check`.

    None for the terms when the mode is not known, or off.
    """
    wrong: dict[str, str] = {}
    mode = await _mode(order.mode, wrong)
    if order.ownership not in OWNERSHIPS:
        wrong["ownership"] = "choose corporate or employee"
    if order.platform not in PLATFORMS:
        wrong["platform"] = "only macos is offered"
    if order.way is not None and order.way not in WAYS:
        wrong["way"] = "choose ota or profile"
    url = await _template("url", order.url_template, wrong)
    pin = await _template("pin", order.pin_template, wrong)
    confirmation = await _template("confirmation", order.confirmation_template, wrong)
    return (Terms(mode, url, pin, confirmation) if mode else None), wrong


def what_is_missing(person: Person | None, mode: Mode | None, *, sending: bool) -> str:
    """Say what keeps ``person`` from being invited in ``mode``; "" when nothing does."""
    if person is None:
        return "there is nobody with this user name"
    if person.disabled:
        return f"{person.name} is disabled"
    missing = []
    if sending and not person.email:
        missing.append("an e-mail address, which sending the invitation needs")
    if mode is not None and mode.authentication and not person.password_hash:
        missing.append(f"a password, which {mode.title} needs")
    return f"{person.name} lacks {' and '.join(missing)}" if missing else ""


async def _mode(name: str | None, wrong: dict[str, str]) -> Mode | None:
    try:
        return mode_of(name) if name else await default_mode()
    except ModeOff as refusal:
        wrong["mode"] = refusal.detail
        return None


async def _template(kind: str, wanted: str | None, wrong: dict[str, str]) -> UUID | None:
    if not wanted:
        return None
    try:
        found = await NotificationTemplate.get_or_none(kind=kind, id=UUID(wanted))
    except ValueError:
        found = await NotificationTemplate.get_or_none(kind=kind, name=local.printable(wanted))
    if found is None:
        wrong["templates"] = f"there is no {kind} template {wanted[:100]!r}"
        return None
    return found.id
