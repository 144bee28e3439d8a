"""The terms of an invitation: everything that is requested apart from whom to invite.

One value for one person and for a group, for forms, commands and tables. A new field has its place here, in the columns
(`store.models.terms`), in the form (`web.admin.terms_form`) and in the options of the command (`cli.terms_options`).
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from otae.apple.fields import SERIAL
from otae.delivery.sms.carriers import find_carrier
from otae.directory.local import person_fields
from otae.errors import InputRefused, ModeOff
from otae.invitations import channels, mac_rules, tokens
from otae.invitations.modes import default_mode, mode_of
from otae.invitations.pin_delivery import snapshot
from otae.store import carried_data, properties, rollout
from otae.store.desk import Desk
from otae.store.mode_table import Mode
from otae.store.models import GroupInvitation, Invitation, NotificationTemplate, Person
from otae.text import identifier, why_refused
from otae.translatable import N_

OWNERSHIPS: Final = ("corporate", "employee")
PLATFORMS: Final = ("macos",)
WAYS: Final = ("ota", "profile")
LONGEST_NOTE: Final = 500
#: Apple's oldest serial numbers have eight characters; fewer are a typing error.
SHORTEST_SERIAL: Final = 8
#: Fields that name a template; their columns end in `_id`.
TEMPLATES: Final = ("url_template", "pin_template", "confirmation_template")
#: Fields that only an invitation of one person has.
SINGLE_PERSON_FIELDS: Final = frozenset({"serial", "carrier", "asset_tag"})


@dataclass(frozen=True)
class InvitationTerms:
    """How somebody is invited, as requested, or as completed by `check_terms`.

    ``mode``: None for the default one. ``serial``: bind to this Mac. ``way``: "ota" or "profile", None for the server
    property. The templates: name or id, None for the mode's, else the default. ``pin_channel``: one of
    `channels.CHANNELS`, None for the mode's. ``carrier``: the mobile carrier to which a text message is sent as mail,
    "" for the gateway's own. ``note``: for the person, in the messages. ``valid_until``: None for the mode's full
    validity. ``send``: mail link and PIN. ``asset_tag``, ``cost_centre``, ``tags``, ``free_fields``: carried along for
    the Mac (`carried_data`).
    """

    mode: str | None = None
    ownership: str = "corporate"
    platform: str = "macos"
    serial: str | None = None
    way: str | None = None
    url_template: str | None = None
    pin_template: str | None = None
    confirmation_template: str | None = None
    pin_channel: str | None = None
    carrier: str = ""
    note: str = ""
    valid_until: datetime | None = None
    send: bool = True
    asset_tag: str = ""
    cost_centre: str = ""
    tags: str = ""
    free_fields: str = ""


@dataclass(frozen=True)
class CheckedTerms:
    """Complete terms, templates given by id, with their mode and its current values."""

    terms: InvitationTerms
    mode: Mode

    @property
    def channel(self) -> str:
        """The channel of the PIN."""
        return self.terms.pin_channel or channels.MAIL


async def check_terms(
    requested: InvitationTerms, *, now: datetime, show_pin: bool = False, rehearsal: bool = False
) -> tuple[CheckedTerms | None, dict[str, str]]:
    """Return the completed terms and the errors by field, wrong templates under "templates".

    Args:
        show_pin: Whether the PIN is also shown to the administrator; "show_pin" is wrong where the policy forbids it.
        rehearsal: Send the PIN by mail, whatever the policy of its mode; the rules of `mac_rules` do not apply.

    Returns:
        None instead of the terms when the mode is unknown or off.
    """
    wrong: dict[str, str] = {}
    mode = await _mode(requested.mode, wrong)
    if requested.ownership not in OWNERSHIPS:
        wrong["ownership"] = N_("choose corporate or employee")
    if requested.platform not in PLATFORMS:
        wrong["platform"] = N_("only macos is offered")
    if requested.way is not None and requested.way not in WAYS:
        wrong["way"] = N_("choose ota or profile")
    if requested.carrier and await find_carrier(person_fields.printable(requested.carrier)) is None:
        wrong["carrier"] = N_("there is no carrier with this name")
    if len(requested.note) > LONGEST_NOTE or why_refused(requested.note.replace("\r", "").replace("\n", "")):
        wrong["note"] = N_(
            "use at most %(longest_note)s characters, none that hides or turns text", longest_note=LONGEST_NOTE
        )
    if words := await end_problem(requested.valid_until, now=now):
        wrong["valid_until"] = words
    carried, wrong_data = carried_data.checked(requested)
    wrong |= wrong_data
    serial = identifier(requested.serial or "")
    serial = serial.upper() if serial.islower() else serial  # base64 of a virtual machine stays as it is
    if serial and (len(serial) < SHORTEST_SERIAL or not SERIAL.fullmatch(serial)):
        wrong["serial"] = N_(
            "a serial number has 8 to 64 letters and digits; a virtual machine's may hold + / and spaces"
        )
    if not rehearsal and not wrong.keys() & {"ownership", "serial"}:
        wrong |= await mac_rules.wrong_terms(requested.ownership, serial)
    templates: dict[str, Any] = {
        name: await _template(name, getattr(requested, name), mode, wrong) for name in TEMPLATES
    }
    channel = await _channel(requested.pin_channel, mode, wrong, show_pin=show_pin) if not rehearsal else channels.MAIL
    if mode is None:
        return None, wrong
    completed = {"serial": serial or None, "note": requested.note.strip(), "pin_channel": channel}
    terms = replace(requested, mode=mode.name, **templates | carried | completed)
    return CheckedTerms(terms, mode), wrong


async def latest_end(now: datetime) -> datetime:
    """Return the latest end that an invitation may be given now."""
    return now + timedelta(days=await properties.number("invitation.longest.days"))


async def end_problem(until: datetime | None, *, now: datetime) -> str:
    """Return why an invitation cannot end at ``until`` (past, or too far away), "" when it can."""
    latest = await latest_end(now)
    if until is None or now < until <= latest:
        return ""
    return N_("this time is past") if until <= now else N_("use a time within %(days)s days", days=(latest - now).days)


def columns(terms: InvitationTerms, table: type[Invitation | GroupInvitation] = Invitation) -> dict[str, Any]:
    """Return the columns of ``table`` that store ``terms``, which must be completed by `check_terms`."""
    values = {name: getattr(terms, name) for name in field_names(table)}
    for name in TEMPLATES:
        chosen = values.pop(name)
        values[f"{name}_id"] = UUID(chosen) if chosen else None
    return values


def terms_of(row: Invitation | GroupInvitation) -> InvitationTerms:
    """Return the terms stored in a row; the inverse of `columns`."""
    values = {name: getattr(row, f"{name}_id" if name in TEMPLATES else name) for name in field_names(type(row))}
    return InvitationTerms(**values | {name: str(values[name]) for name in TEMPLATES if values[name]})


def field_names(table: type[Invitation | GroupInvitation]) -> list[str]:
    """Return the names of the terms that ``table`` has columns for."""
    left_out = SINGLE_PERSON_FIELDS if table is GroupInvitation else frozenset()
    return [each.name for each in fields(InvitationTerms) if each.name not in left_out]


def new_invitation(
    desk: Desk,
    checked: CheckedTerms,
    person: Person,
    *,
    region: str,
    now: datetime,
    actor: str,
    rehearsal: bool = False,
) -> tuple[Invitation, str]:
    """Return an invitation of ``person``, not saved yet, and its token; ``region``: `properties.default_region`."""
    invitation = Invitation(
        person_id=person.id, rehearsal=rehearsal, created_by=actor[:100], created_at=now, **columns(checked.terms),
        **rollout.first_step(now),
    )  # fmt: skip
    invitation.person = person  # who may not be stored yet
    token, token_columns = tokens.mint(desk, invitation)
    end = checked.terms.valid_until or checked.mode.end(now)
    invitation.update_from_dict(token_columns | snapshot(person, region) | {"valid_until": end})
    return invitation, token


async def _mode(name: str | None, wrong: dict[str, str]) -> Mode | None:
    try:
        return await mode_of(name) if name else await default_mode()
    except ModeOff as refusal:
        wrong["mode"] = refusal.detail
        return None


async def _channel(wanted: str | None, mode: Mode | None, wrong: dict[str, str], *, show_pin: bool) -> str:
    try:
        return await channels.channel_for(mode, wanted, show_pin=show_pin) if mode else channels.MAIL
    except InputRefused as refusal:
        wrong.update(refusal.fields)
        return channels.MAIL


async def _template(field: str, wanted: str | None, mode: Mode | None, wrong: dict[str, str]) -> str | None:
    """Return the id of the requested template, else of the mode's if it still exists."""
    kind = field.removesuffix("_template")
    if not wanted:
        named = mode.templates.get(kind) if mode else None
        row = await NotificationTemplate.get_or_none(kind=kind, id=UUID(named)) if named else None
        return str(row.id) if row else None
    try:
        found = await NotificationTemplate.get_or_none(kind=kind, id=UUID(wanted))
    except ValueError:
        found = await NotificationTemplate.get_or_none(kind=kind, name=person_fields.printable(wanted))
    if found is None:
        wrong["templates"] = N_("there is no %(kind)s template %(wanted)s", kind=kind, wanted=repr(wanted[:100]))
        return None
    return str(found.id)
