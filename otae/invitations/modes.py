"""Enrollment modes: which factors a person must present before a Mac may be enrolled, and how long invitations last.

The factors of a mode are fixed; its values are those below unless an administrator changed them (`mode_values`).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from otae.errors import ModeOff
from otae.store import properties
from otae.store.models import ModePolicy
from otae.translatable import N_

_DAY, _MINUTE = timedelta(hours=24), timedelta(minutes=1)


@dataclass(frozen=True)
class Mode:
    """One enrollment mode.

    ``token``: usable only through the invitation's link. ``identification``: asks for the user name.
    ``authentication``: asks for the password. ``secret``: asks for a PIN of ``pin_length`` digits, or letters and
    digits (``pin_letters``); ``max_tries`` wrong ones are allowed through the link, and as many at the login page.
    ``valid_for``: validity of an invitation, None for no end. ``enabled``: invitations may be made in it.
    ``defaultable``: may be the default mode. ``templates``: id of the template by kind, for invitations that name none.
    """

    name: str
    title: str
    token: bool
    identification: bool
    authentication: bool
    secret: bool
    valid_for: timedelta | None = _DAY
    max_tries: int = 3
    pin_length: int = 8
    pin_letters: bool = False
    enabled: bool = True
    defaultable: bool = False
    templates: dict[str, str] = field(default_factory=dict, hash=False)

    def end(self, now: datetime) -> datetime | None:
        """Return the end of an invitation that is made now, None for no end."""
        return now + self.valid_for if self.valid_for else None


MODES: tuple[Mode, ...] = (
    Mode(
        "username_password",
        N_("User name + Password"),
        token=False,
        identification=True,
        authentication=True,
        secret=False,
        valid_for=None,
        max_tries=0,
        pin_length=0,
        defaultable=True,
    ),
    Mode(
        "two_factor",
        N_("Two Factor"),
        token=False,
        identification=True,
        authentication=True,
        secret=True,
        defaultable=True,
    ),
    Mode(
        "username_pin",
        N_("User name + PIN"),
        token=False,
        identification=True,
        authentication=False,
        secret=True,
        defaultable=True,
    ),
    Mode("high_security", N_("High Security"), token=True, identification=True, authentication=True, secret=True),
    Mode(
        "invitation_url",
        N_("Invitation URL"),
        token=True,
        identification=False,
        authentication=False,
        secret=False,
        max_tries=0,
        pin_length=0,
        enabled=False,
    ),
    Mode(
        "invitation_url_pin",
        N_("Invitation URL + PIN"),
        token=True,
        identification=False,
        authentication=False,
        secret=True,
        enabled=False,
    ),
    Mode(
        "invitation_url_password",
        N_("Invitation URL + Password"),
        token=True,
        identification=False,
        authentication=True,
        secret=False,
        pin_length=0,
        enabled=False,
    ),
)

_BY_NAME = {mode.name: mode for mode in MODES}


async def all_modes() -> list[Mode]:
    """Return every mode, on or off, with its current values."""
    decided = {row.mode: row.options or {} for row in await ModePolicy.all()}
    return [_in_force(mode, decided.get(mode.name, {})) for mode in MODES]


async def known_mode(name: str) -> Mode:
    """Return the mode called ``name``, on or off, with its current values; ModeOff when there is none."""
    mode = _BY_NAME.get(name)
    if mode is None:
        raise ModeOff(f"enrollment mode {name[:40]!r} is not known")
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
    mode = _BY_NAME.get(name)
    return mode.title if mode else name


async def enabled_modes() -> list[Mode]:
    """Return the modes in which invitations may be made."""
    return [mode for mode in await all_modes() if mode.enabled]


async def default_mode() -> Mode:
    """Return the mode of an invitation that names none (server property enrollment.default.mode)."""
    return await mode_of(await properties.word("enrollment.default.mode"))


def default_values(name: str) -> Mode:
    """Return the mode called ``name`` with its default values; ModeOff when there is none."""
    if name not in _BY_NAME:
        raise ModeOff(f"enrollment mode {name[:40]!r} is not known")
    return _BY_NAME[name]


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
        templates=dict(options.get("templates", {})),
    )
