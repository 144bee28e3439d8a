"""The values of an enrollment mode that an administrator can set: validity, PINs, approval, templates, on or off.

Validity and form of a PIN apply to what is made afterwards: existing invitations keep their end, existing PINs their
digits. The number of tries and who approves apply at once, to existing PINs and invitations as well. A mode that is off
takes no new invitations and sends none again; its existing invitations work until their end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.errors import InputRefused
from otae.invitations.modes import default_values, known_mode
from otae.store import audit, properties
from otae.store.database import transaction
from otae.store.mode_table import APPROVALS, Mode
from otae.store.models import Invitation, ModePolicy, NotificationTemplate
from otae.text import cleaned_line
from otae.translatable import N_

#: Bounds of the validity: within less than an hour nobody can enroll, after a year nobody remembers the invitation.
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=365)
#: Six digits and ten tries: one chance in a hundred thousand, at the worst that can be chosen.
TRIES: Final = range(1, 11)
PIN_LENGTHS: Final = range(6, 17)
#: Kinds of messages for which a mode may name a template.
KINDS: Final = ("url", "pin", "confirmation")
#: Written instead of a duration for a validity without end.
NEVER: Final = "never"

_DURATION = re.compile(r"([0-9]{1,4}) ?(h|d)")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True)
class ModeValues:
    """Values to set for a mode; None leaves a value as it is.

    ``self_service``: whether people may invite themselves. ``valid_for``: "36h", "7d", or "never". ``templates``: id or
    name by kind, "" for the system's. ``default``: whether the mode becomes the default one.
    """

    enabled: bool | None = None
    self_service: bool | None = None
    valid_for: str | None = None
    max_tries: int | None = None
    pin_length: int | None = None
    pin_letters: bool | None = None
    approval: str | None = None
    templates: Mapping[str, str] | None = None
    default: bool = False


async def set_values(name: str, values: ModeValues, *, now: datetime, actor: str) -> Mode:
    """Set values of the mode called ``name`` and return it as it is from now on; the changes are audited.

    Raises:
        ModeOff: There is no such mode.
        InputRefused: By field: "enabled", "valid_for", "max_tries", "pin_length", "pin_letters", "approval",
            "templates", "default".
    """
    initial, before, wrong = default_values(name), await known_mode(name), dict[str, str]()
    chosen = _checked(initial, values, wrong)
    chosen |= await _templates(initial, before, values.templates, wrong)
    switches = {"enabled": values.enabled, "self_service": values.self_service}
    chosen |= {key: on for key, on in switches.items() if on is not None}
    default = await properties.word("enrollment.default.mode")
    if values.enabled is False and name == default:
        wrong["enabled"] = N_("this is the mode that is offered first: let another one be that before")
    if values.default and (
        not initial.defaultable or values.enabled is False or not (values.enabled or before.enabled)
    ):
        wrong["default"] = N_("only a mode that is on and can be used without the link may be offered first")
    if wrong:
        raise InputRefused(wrong)
    async with transaction():
        row, made = await ModePolicy.get_or_create(mode=name)
        row = await ModePolicy.select_for_update().get(id=row.id)
        kept: dict[str, object] = row.options or {}
        options = {key: value for key, value in (kept | chosen).items() if value != _initial_value(initial, key)}
        if options != kept:
            await ModePolicy.filter(id=row.id).update(options=options or None)
            was = {key: kept.get(key, _initial_value(initial, key)) for key in chosen}
            detail = audit.describe_changes(was, chosen)
            await audit.record(actor, "mode.values", now=now, subject=name, detail=detail[:500])
        elif made:
            await row.delete()
        if values.default and name != default:
            await properties.write("enrollment.default.mode", name, changed_at=now, changed_by=actor)
            detail = f"{default} → {name}"
            await audit.record(actor, "property.set", now=now, subject="enrollment.default.mode", detail=detail)
    return await known_mode(name)


async def count_pending(name: str, *, now: datetime) -> int:
    """Return how many invitations of this mode are pending and not past their end."""
    rows = Invitation.filter(mode=name, status="pending", rehearsal=False)
    return await rows.exclude(valid_until__lte=now).count()


def format_duration(valid_for: timedelta | None) -> str:
    """Return a duration in the form that `ModeValues` takes."""
    if valid_for is None:
        return NEVER
    days, rest = divmod(valid_for, _UNITS["d"])
    return f"{days}d" if days > 1 and not rest else f"{valid_for // _UNITS['h']}h"


def as_json(mode: Mode, *, default: bool) -> dict[str, object]:
    """Return a mode for scripts; values that the mode does not have are null."""
    return {
        "name": mode.name,
        "title": mode.title,
        "enabled": mode.enabled,
        "default": default,
        "self_service": mode.self_service,
        "link": mode.token,
        "user_name": mode.identification,
        "password": mode.authentication,
        "pin": mode.secret,
        "valid_for": format_duration(mode.valid_for),
        "max_tries": mode.max_tries if mode.secret else None,
        "pin_length": mode.pin_length if mode.secret else None,
        "pin_letters": mode.pin_letters if mode.secret else None,
        "approval": mode.approval,
        "templates": mode.templates,
    }


def _checked(initial: Mode, values: ModeValues, wrong: dict[str, str]) -> dict[str, object]:
    chosen: dict[str, object] = {}
    if values.valid_for is not None:
        chosen["valid_minutes"] = _minutes(initial, values.valid_for, wrong)
    for key, number, bounds in (("max_tries", values.max_tries, TRIES), ("pin_length", values.pin_length, PIN_LENGTHS)):
        if number is not None:
            chosen[key] = number
            if number not in bounds:
                wrong[key] = N_("use a whole number from %(low)s to %(high)s", low=bounds[0], high=bounds[-1])
    if values.pin_letters is not None:
        chosen["pin_letters"] = values.pin_letters
    if values.approval is not None:
        chosen["approval"] = values.approval
        if values.approval not in APPROVALS:
            wrong["approval"] = N_("choose none, administrator or manager")
    if not initial.secret:
        wrong |= {
            key: N_("this mode has no PIN") for key in ("max_tries", "pin_length", "pin_letters") if key in chosen
        }
    return chosen


def _minutes(initial: Mode, text: str, wrong: dict[str, str]) -> int:
    """Return a duration in minutes, 0 for "never"; adds to ``wrong`` what cannot be read or is out of bounds.

    ``initial``: the mode with its default values.
    """
    if text.strip() == NEVER:
        if initial.token or initial.secret:
            wrong["valid_for"] = N_("a link or a PIN that never ends is a key that lies about: enter an end")
        return 0
    found = _DURATION.fullmatch(text.strip().lower())
    length = int(found[1]) * _UNITS[found[2]] if found else timedelta(0)
    if not SHORTEST <= length <= LONGEST:
        wrong["valid_for"] = (
            N_("use hours or days, from 1h to 365d")
            if initial.token or initial.secret
            else N_("use hours or days, from 1h to 365d, or never")
        )
    return length // timedelta(minutes=1)


async def _templates(
    initial: Mode, before: Mode, wanted: Mapping[str, str] | None, wrong: dict[str, str]
) -> dict[str, object]:
    """Return the mode's templates after the change: those in ``wanted``, and its present ones for other kinds."""
    if wanted is None:
        return {}
    kept = dict(before.templates)
    for kind, text in wanted.items():
        if kind not in KINDS or (kind == "pin" and not initial.secret):
            wrong["templates"] = N_("this mode sends no %(kind)s message", kind=kind[:40])
            continue
        row = await _template(kind, text) if text else None
        if text and row is None:
            wrong["templates"] = N_("there is no %(kind)s template %(text)s", kind=kind, text=repr(text[:100]))
        kept.pop(kind, None)
        if row and not row.system:
            kept[kind] = str(row.id)
    return {"templates": kept}


async def _template(kind: str, text: str) -> NotificationTemplate | None:
    try:
        return await NotificationTemplate.get_or_none(kind=kind, id=UUID(text))
    except ValueError:
        return await NotificationTemplate.get_or_none(kind=kind, name=cleaned_line(text))


def _initial_value(initial: Mode, key: str) -> object:
    if key == "valid_minutes":
        return initial.valid_for // timedelta(minutes=1) if initial.valid_for else 0
    return getattr(initial, key)
