"""The seven modes, and which of them are on."""

from datetime import timedelta

import pytest

from otae.errors import ModeOff
from otae.invitations.modes import MODES, default_mode, enabled_modes, mode_of, title_of
from otae.store import properties
from otae.store.desk import Desk


def test_four_modes_are_on() -> None:
    assert [mode.name for mode in enabled_modes()] == [
        "username_password",
        "two_factor",
        "username_pin",
        "high_security",
    ]


def test_what_each_mode_asks_for() -> None:
    asked = {mode.name: (mode.token, mode.identification, mode.authentication, mode.secret) for mode in MODES}
    assert asked == {
        "username_password": (False, True, True, False),
        "two_factor": (False, True, True, True),
        "username_pin": (False, True, False, True),
        "high_security": (True, True, True, True),
        "invitation_url": (True, False, False, False),
        "invitation_url_pin": (True, False, False, True),
        "invitation_url_password": (True, False, True, False),
    }


def test_first_values() -> None:
    assert mode_of("username_password").valid_for is None
    for name in ("two_factor", "username_pin", "high_security"):
        mode = mode_of(name)
        assert (mode.valid_for, mode.max_tries, mode.pin_length) == (timedelta(hours=24), 3, 8)


def test_a_mode_that_needs_the_link_is_never_the_default() -> None:
    assert not [mode.name for mode in MODES if mode.defaultable and mode.token]


@pytest.mark.parametrize("name", ["invitation_url", "classic", ""])
def test_a_mode_that_is_off_or_unknown_is_refused(name: str) -> None:
    with pytest.raises(ModeOff):
        mode_of(name)


def test_every_mode_has_a_title() -> None:
    assert title_of("invitation_url") == "Invitation URL"
    assert title_of("something else") == "something else"


@pytest.mark.anyio
async def test_the_default_mode_is_a_server_property(desk: Desk) -> None:
    assert (await default_mode()).name == "two_factor"
    await properties.write("enrollment.default.mode", "username_pin")
    assert (await default_mode()).name == "username_pin"
