"""The seven modes, and which of them are on."""

from datetime import timedelta

import pytest

from otae.errors import ModeOff
from otae.invitations.modes import all_modes, default_mode, enabled_modes, mode_of, title_of
from otae.store import properties
from otae.store.desk import Desk
from otae.store.mode_table import MODES

pytestmark = pytest.mark.anyio


async def test_four_modes_are_on(desk: Desk) -> None:
    assert [mode.name for mode in await enabled_modes()] == [
        "username_password",
        "two_factor",
        "username_pin",
        "high_security",
    ]


async def test_first_values(desk: Desk) -> None:
    assert (await mode_of("username_password")).valid_for is None
    for name in ("two_factor", "username_pin", "high_security"):
        mode = await mode_of(name)
        assert (mode.valid_for, mode.max_tries, mode.pin_length) == (timedelta(hours=24), 3, 8)
    assert await all_modes() == list(MODES.values())


@pytest.mark.parametrize("name", ["invitation_url", "classic", ""])
async def test_a_mode_that_is_off_or_unknown_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(ModeOff):
        await mode_of(name)


async def test_every_mode_has_a_title() -> None:
    assert title_of("invitation_url") == "Invitation URL"
    assert title_of("something else") == "something else"


async def test_the_default_mode_is_a_server_property(desk: Desk) -> None:
    assert (await default_mode()).name == "two_factor"
    await properties.write("enrollment.default.mode", "username_pin")
    assert (await default_mode()).name == "username_pin"
