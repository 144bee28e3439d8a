"""Enrollment modes: what somebody has to show before a Mac may be enrolled, and for how long an invitation lasts."""

from dataclasses import dataclass
from datetime import timedelta

from otae.errors import ModeOff
from otae.store import properties

_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Mode:
    """One enrollment mode.

    ``token``: only through the invitation's link. ``identification``: user name. ``authentication``: password.
    ``secret``: PIN of ``pin_length`` digits, wrong at most ``max_tries`` times at each door. ``valid_for``: life of an
    invitation, None for ever. ``defaultable``: may be the mode that the form offers first.
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
    enabled: bool = True
    defaultable: bool = False


MODES: tuple[Mode, ...] = (
    Mode(
        "username_password",
        "User name + Password",
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
        "Two Factor",
        token=False,
        identification=True,
        authentication=True,
        secret=True,
        defaultable=True,
    ),
    Mode(
        "username_pin",
        "User name + PIN",
        token=False,
        identification=True,
        authentication=False,
        secret=True,
        defaultable=True,
    ),
    Mode("high_security", "High Security", token=True, identification=True, authentication=True, secret=True),
    Mode(
        "invitation_url",
        "Invitation URL",
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
        "Invitation URL + PIN",
        token=True,
        identification=False,
        authentication=False,
        secret=True,
        enabled=False,
    ),
    Mode(
        "invitation_url_password",
        "Invitation URL + Password",
        token=True,
        identification=False,
        authentication=True,
        secret=False,
        pin_length=0,
        enabled=False,
    ),
)

_BY_NAME = {mode.name: mode for mode in MODES}


def mode_of(name: str) -> Mode:
    """Return the mode called ``name``; ModeOff when it is switched off or there is none."""
    mode = _BY_NAME.get(name)
    if mode is None or not mode.enabled:
        raise ModeOff(f"enrollment mode {name[:40]!r} is {'off' if mode else 'not known'}")
    return mode


def title_of(name: str) -> str:
    """Return the title of the mode called ``name``, on or off; the name itself when it is not known."""
    mode = _BY_NAME.get(name)
    return mode.title if mode else name


def enabled_modes() -> list[Mode]:
    """Return the modes that invitations may use."""
    return [mode for mode in MODES if mode.enabled]


async def default_mode() -> Mode:
    """Return the mode that an invitation gets when none is asked for (server property enrollment.default.mode)."""
    return mode_of(await properties.word("enrollment.default.mode"))
