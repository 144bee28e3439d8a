"""What an administrator asks for when inviting somebody, and everything that may be wrong with it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from otae.apple.fields import SERIAL
from otae.delivery.carriers import find_carrier
from otae.directory import local
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused, ModeOff
from otae.invitations import channels, recipients
from otae.invitations.modes import Mode, default_mode, mode_of
from otae.store.desk import Desk
from otae.store.models import NotificationTemplate, Person
from otae.text import identifier, why_refused

OWNERSHIPS = ("corporate", "employee")
PLATFORMS = ("macos",)
LONGEST_NOTE = 500
WAYS = ("ota", "profile")
#: Apple's oldest serial numbers have eight characters; fewer are a slip.
SHORTEST_SERIAL = 8


@dataclass(frozen=True)
class InvitationOrder:
    """An invitation as it is asked for.

    ``user``: user name, of somebody in a directory as "DOMAIN/NAME". ``mode``: None for the default one. ``serial``:
    bind to this Mac. ``send``: mail link and PIN. ``show_pin``: mint the PIN now, even when nothing is sent, and hand
    it back once. The templates: name or id of the one to use, None for the mode's, else the default. ``way``: "ota" or
    "profile", None for the server property. ``pin_channel``: one of `channels.CHANNELS`, None for as the mode has it;
    ``carrier``: whose text messages go out as mail, "" for the gateway's own; ``note``: for the person, in the
    messages. ``rehearsal``: set by rehearsals alone, reachable by no form. ``reach``: who is out of it is nobody.
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
    pin_channel: str | None = None
    carrier: str = ""
    note: str = ""
    rehearsal: bool = False
    reach: Reach = EVERYBODY


@dataclass(frozen=True)
class Terms:
    """What an order says apart from whom and which Mac."""

    mode: Mode
    url_template_id: UUID | None
    pin_template_id: UUID | None
    confirmation_template_id: UUID | None
    pin_channel: str


@dataclass(frozen=True)
class CheckedOrder(Terms):
    """An order in which nothing is missing."""

    person: Person
    serial: str | None


async def check(desk: Desk, order: InvitationOrder, *, now: datetime) -> CheckedOrder:
    """See that nothing is missing; InputRefused names all that is, by field.

    The fields: "recipient", "mode", "ownership", "platform", "serial", "templates", "way", "pin_channel", "show_pin",
    "carrier", "note".
    """
    terms, wrong = await check_terms(order)
    person, nobody = await recipients.find(desk, order.user, now=now, rehearsal=order.rehearsal, reach=order.reach)
    if missing := nobody or what_is_missing(person, terms.mode if terms else None, sending=order.send):
        wrong["recipient"] = missing
    elif person and terms and (missing := await _unreachable(terms, person, sending=order.send)):
        wrong["pin_channel"] = missing
    serial = identifier(order.serial or "")
    serial = serial.upper() if serial.islower() else serial  # base64 of a virtual machine stays as it is
    if serial and (len(serial) < SHORTEST_SERIAL or not SERIAL.fullmatch(serial)):
        wrong["serial"] = "a serial number has 8 to 64 letters and digits; a virtual machine's may hold + / and spaces"
    if wrong or person is None or terms is None:
        raise InputRefused(wrong)
    return CheckedOrder(**vars(terms), person=person, serial=serial or None)


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
    if order.carrier and await find_carrier(local.printable(order.carrier)) is None:
        wrong["carrier"] = "there is no carrier with this name"
    if len(order.note) > LONGEST_NOTE or why_refused(order.note.replace("\r", "").replace("\n", "")):
        wrong["note"] = f"use at most {LONGEST_NOTE} characters, none that hides or turns text"
    url = await _template("url", order.url_template, mode, wrong)
    pin = await _template("pin", order.pin_template, mode, wrong)
    confirmation = await _template("confirmation", order.confirmation_template, mode, wrong)
    channel = await _channel(order, mode, wrong)
    return (Terms(mode, url, pin, confirmation, channel) if mode else None), wrong


async def _channel(order: InvitationOrder, mode: Mode | None, wrong: dict[str, str]) -> str:
    """Return how the PIN goes out; a rehearsal's always by mail, which the catcher takes."""
    if mode is None or order.rehearsal:
        return channels.MAIL
    try:
        return await channels.choose(mode, order.pin_channel, shown_too=order.show_pin)
    except InputRefused as refusal:
        wrong.update(refusal.fields)
        return channels.MAIL


async def _unreachable(terms: Terms, person: Person, *, sending: bool) -> str:
    """Say why the PIN's message would not reach ``person``; "" when it would, or when none goes out."""
    goes_out = sending and terms.mode.secret and terms.pin_channel not in channels.BY_HAND
    return await channels.lacking(terms.pin_channel, person) if goes_out else ""


def what_is_missing(person: Person | None, mode: Mode | None, *, sending: bool) -> str:
    """Say what keeps ``person`` from being invited in ``mode``; "" when nothing does."""
    if person is None:
        return "there is nobody with this user name"
    called = person.display_name or person.name
    if person.disabled:
        return f"{called} is disabled"
    missing = []
    if sending and not person.email:
        missing.append("an e-mail address, which sending the invitation needs")
    if mode is not None and mode.authentication and lacks_password(person):
        missing.append(f"a password, which {mode.title} needs")
    return f"{called} lacks {' and '.join(missing)}" if missing else ""


def lacks_password(person: Person) -> bool:
    """Tell whether ``person`` has no password anywhere; a directory has one for each of its people."""
    return person.domain == local.DOMAIN and not person.password_hash


async def _mode(name: str | None, wrong: dict[str, str]) -> Mode | None:
    try:
        return await mode_of(name) if name else await default_mode()
    except ModeOff as refusal:
        wrong["mode"] = refusal.detail
        return None


async def _template(kind: str, wanted: str | None, mode: Mode | None, wrong: dict[str, str]) -> UUID | None:
    """Return the template that is asked for, else the one that the mode names, if it still exists."""
    if not wanted:
        named = mode.templates.get(kind) if mode else None
        row = await NotificationTemplate.get_or_none(kind=kind, id=UUID(named)) if named else None
        return row.id if row else None
    try:
        found = await NotificationTemplate.get_or_none(kind=kind, id=UUID(wanted))
    except ValueError:
        found = await NotificationTemplate.get_or_none(kind=kind, name=local.printable(wanted))
    if found is None:
        wrong["templates"] = f"there is no {kind} template {wanted[:100]!r}"
        return None
    return found.id
