"""Enrollment modes with their current values: those of `store.mode_table` unless an administrator changed them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from otae.errors import ModeOff
from otae.store import properties
from otae.store.mode_table import MODES, Mode
from otae.store.models import ModePolicy

_MINUTE = timedelta(minutes=1)


async def all_modes() -> list[Mode]:
    """Return every mode, on or off, with its current values."""
    decided = {row.mode: row.options or {} for row in await ModePolicy.all()}
    return [_in_force(mode, decided.get(mode.name, {})) for mode in MODES.values()]


async def known_mode(name: str) -> Mode:
    """Return the mode called ``name``, on or off, with its current values; ModeOff when there is none."""
    mode = default_values(name)
    row = await ModePolicy.get_or_none(mode=name)
    return _in_force(mode, (row.options if row else None) or {})


async def mode_of(name: str) -> Mode:
    """Return the mode called ``name`` with its current values; ModeOff when it is off or there is none."""
    mode = await known_mode(name)
    if not mode.enabled:
        raise ModeOff(f"enrollment mode {name[:40]!r} is off")
    return mode


def title_of(name: str) -> str:
    """Return the title of the mode called ``name``, on or off; ``name`` itself when it is unknown."""
    return MODES[name].title if name in MODES else name


async def enabled_modes() -> list[Mode]:
    """Return the modes in which invitations may be made."""
    return [mode for mode in await all_modes() if mode.enabled]


async def default_mode() -> Mode:
    """Return the mode of an invitation that names none (server property enrollment.default.mode)."""
    return await mode_of(await properties.word("enrollment.default.mode"))


def default_values(name: str) -> Mode:
    """Return the mode called ``name`` with its default values; ModeOff when there is none."""
    if name not in MODES:
        raise ModeOff(f"enrollment mode {name[:40]!r} is not known")
    return MODES[name]


def _in_force(mode: Mode, options: dict[str, Any]) -> Mode:
    if not options:
        return mode
    minutes = options.get("valid_minutes", mode.valid_for // _MINUTE if mode.valid_for else 0)
    return replace(
        mode,
        valid_for=timedelta(minutes=minutes) if minutes else None,
        max_tries=options.get("max_tries", mode.max_tries),
        pin_length=options.get("pin_length", mode.pin_length),
        pin_letters=options.get("pin_letters", mode.pin_letters),
        enabled=options.get("enabled", mode.enabled),
        self_service=options.get("self_service", mode.self_service),
        approval=options.get("approval", mode.approval),
        templates=dict(options.get("templates", {})),
    )
