"""The rows of the enrollment modes."""

from otae.store.mode_table import DEFAULT, MODES, SAMPLE, SELF_START, has_pin


def test_what_each_mode_asks_for() -> None:
    asked = {mode.name: (mode.token, mode.identification, mode.authentication, mode.secret) for mode in MODES.values()}
    assert asked == {
        "username_password": (False, True, True, False),
        "two_factor": (False, True, True, True),
        "username_pin": (False, True, False, True),
        "high_security": (True, True, True, True),
        "invitation_url": (True, False, False, False),
        "invitation_url_pin": (True, False, False, True),
        "invitation_url_password": (True, False, True, False),
    }


def test_a_mode_that_needs_the_link_is_never_the_default() -> None:
    assert not [mode.name for mode in MODES.values() if mode.defaultable and mode.token]


def test_the_modes_with_a_part_of_their_own_fit_it() -> None:
    assert MODES[DEFAULT].defaultable
    asked = MODES[SELF_START]
    assert (asked.token, asked.identification, asked.authentication, asked.secret) == (False, True, True, False)
    assert MODES[SAMPLE].token
    assert has_pin(SAMPLE)
    assert not has_pin(SELF_START)
    assert not has_pin("classic")
