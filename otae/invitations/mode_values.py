"""What an administrator may decide about an enrollment mode: how long, how often, which PIN and messages, and whether.

Life of an invitation and form of a PIN hold for what is made from then on: an invitation keeps its end, a PIN its
digits. The number of tries holds at once, for PINs that are out there as well. A mode that is switched off takes no new
invitations and sends none again; those that are out there work until their end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.errors import InputRefused
from otae.invitations.modes import Mode, first_values, known_mode
from otae.store import audit, properties
from otae.store.database import transaction
from otae.store.models import Invitation, ModePolicy, NotificationTemplate
from otae.text import cleaned_line

#: The bounds: shorter than an hour nobody makes it, longer than a year nobody remembers it.
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=365)
#: Six digits and ten tries: one chance in a hundred thousand, at the worst that can be chosen.
TRIES: Final = range(1, 11)
PIN_LENGTHS: Final = range(6, 17)
#: The kinds of messages for which a mode may name a template.
KINDS: Final = ("url", "pin", "confirmation")
#: What there is instead of a length of time.
NEVER: Final = "never"

_SPAN = re.compile(r"([0-9]{1,4}) ?(h|d)")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True)
class Values:
    """What is decided about a mode; None is not said and stays as it is.

    ``valid_for``: "36h", "7d", or "never". ``templates``: id or name by kind, "" for the system's.
    """

    enabled: bool | None = None
    valid_for: str | None = None
    max_tries: int | None = None
    pin_length: int | None = None
    pin_letters: bool | None = None
    templates: Mapping[str, str] | None = None
    default: bool = False


async def set_values(name: str, values: Values, *, now: datetime, actor: str) -> Mode:
    """Decide about the mode called ``name`` and return it as it is from now on; audited with what changed.

    Raises ModeOff for a mode there is none of, InputRefused naming what is not within bounds, by field: "enabled",
    "valid_for", "max_tries", "pin_length", "pin_letters", "templates", "default".
    """
    first, before, wrong = first_values(name), await known_mode(name), dict[str, str]()
    chosen = _checked(first, values, wrong)
    chosen |= await _templates(first, before, values.templates, wrong)
    if values.enabled is not None:
        chosen["enabled"] = values.enabled
    default = await properties.word("enrollment.default.mode")
    if values.enabled is False and name == default:
        wrong["enabled"] = "this is the mode that is offered first: let another one be that before"
    if values.default and (not first.defaultable or values.enabled is False or not (values.enabled or before.enabled)):
        wrong["default"] = "only a mode that is on and can be used without the link may be offered first"
    if wrong:
        raise InputRefused(wrong)
    async with transaction():
        row, made = await ModePolicy.get_or_create(mode=name)
        row = await ModePolicy.select_for_update().get(id=row.id)
        kept: dict[str, object] = row.options or {}
        options = {key: value for key, value in (kept | chosen).items() if value != _first(first, key)}
        if options != kept:
            await ModePolicy.filter(id=row.id).update(options=options or None)
            was = {key: kept.get(key, _first(first, key)) for key in chosen}
            detail = audit.changes(was, chosen)
            await audit.record(actor, "mode.values", now=now, subject=name, detail=detail[:500])
        elif made:
            await row.delete()
        if values.default and name != default:
            await properties.write("enrollment.default.mode", name)
            told = f"{default} → {name}"
            await audit.record(actor, "property.set", now=now, subject="enrollment.default.mode", detail=told)
    return await known_mode(name)


async def still_out(name: str, *, now: datetime) -> int:
    """Return how many invitations of this mode wait to be used."""
    rows = Invitation.filter(mode=name, status="pending", rehearsal=False)
    return await rows.exclude(valid_until__lte=now).count()


def span_of(valid_for: timedelta | None) -> str:
    """Write a length of time as `Values` takes it."""
    if valid_for is None:
        return NEVER
    days, rest = divmod(valid_for, _UNITS["d"])
    return f"{days}d" if days > 1 and not rest else f"{valid_for // _UNITS['h']}h"


def as_json(mode: Mode, *, default: bool) -> dict[str, object]:
    """Return a mode for scripts; what it has not is null."""
    return {
        "name": mode.name,
        "title": mode.title,
        "enabled": mode.enabled,
        "default": default,
        "link": mode.token,
        "user_name": mode.identification,
        "password": mode.authentication,
        "pin": mode.secret,
        "valid_for": span_of(mode.valid_for),
        "max_tries": mode.max_tries if mode.secret else None,
        "pin_length": mode.pin_length if mode.secret else None,
        "pin_letters": mode.pin_letters if mode.secret else None,
        "templates": mode.templates,
    }


def _checked(first: Mode, values: Values, wrong: dict[str, str]) -> dict[str, object]:
    chosen: dict[str, object] = {}
    if values.valid_for is not None:
        chosen["valid_minutes"] = _minutes(first, values.valid_for, wrong)
    if values.max_tries is not None:
        chosen["max_tries"] = values.max_tries
        if values.max_tries not in TRIES:
            wrong["max_tries"] = f"use a whole number from {TRIES[0]} to {TRIES[-1]}"
    if values.pin_length is not None:
        chosen["pin_length"] = values.pin_length
        if values.pin_length not in PIN_LENGTHS:
            wrong["pin_length"] = f"use a whole number from {PIN_LENGTHS[0]} to {PIN_LENGTHS[-1]}"
    if values.pin_letters is not None:
        chosen["pin_letters"] = values.pin_letters
    if not first.secret:
        wrong |= {key: "this mode has no PIN" for key in ("max_tries", "pin_length", "pin_letters") if key in chosen}
    return chosen


def _minutes(first: Mode, text: str, wrong: dict[str, str]) -> int:
    """Return a length of time in minutes, 0 for ever."""
    if text.strip() == NEVER:
        if first.token or first.secret:
            wrong["valid_for"] = "a link or a PIN that never ends is a key that lies about: enter an end"
        return 0
    found = _SPAN.fullmatch(text.strip().lower())
    length = int(found[1]) * _UNITS[found[2]] if found else timedelta(0)
    if not SHORTEST <= length <= LONGEST:
        or_never = "" if first.token or first.secret else ", or never"
        wrong["valid_for"] = f"use hours or days, from 1h to 365d{or_never}"
    return length // timedelta(minutes=1)


async def _templates(
    first: Mode, before: Mode, wanted: Mapping[str, str] | None, wrong: dict[str, str]
) -> dict[str, object]:
    """Return the templates that a mode is to name, those it named already where nothing is said."""
    if wanted is None:
        return {}
    kept = dict(before.templates)
    for kind, text in wanted.items():
        if kind not in KINDS or (kind == "pin" and not first.secret):
            wrong["templates"] = f"this mode sends no {kind[:40]} message"
            continue
        row = await _template(kind, text) if text else None
        if text and row is None:
            wrong["templates"] = f"there is no {kind} template {text[:100]!r}"
        kept.pop(kind, None)
        if row and not row.system:
            kept[kind] = str(row.id)
    return {"templates": kept}


async def _template(kind: str, text: str) -> NotificationTemplate | None:
    try:
        return await NotificationTemplate.get_or_none(kind=kind, id=UUID(text))
    except ValueError:
        return await NotificationTemplate.get_or_none(kind=kind, name=cleaned_line(text))


def _first(first: Mode, key: str) -> object:
    if key == "valid_minutes":
        return first.valid_for // timedelta(minutes=1) if first.valid_for else 0
    return getattr(first, key)
