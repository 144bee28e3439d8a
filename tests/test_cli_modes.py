"""Enrollment modes on the command line."""

import pytest

from tests.new_mode import add_mode
from tests.test_cli import CommandLine, ben, command  # noqa: F401 - fixtures


def test_modes_are_listed_shown_and_changed(command: CommandLine) -> None:  # noqa: F811 - the fixture above
    listed = {row["name"]: row for row in command.json("mode", "list")}
    assert len(listed) == 7
    assert listed["two_factor"]["default"]
    assert not listed["invitation_url"]["enabled"]
    assert "two_factor" in command.run("mode", "list").stdout
    changed = command.json("mode", "set", "username_pin", "--valid-for", "3d", "--tries", "5", "--pin-letters")
    assert (changed["valid_for"], changed["max_tries"], changed["pin_letters"], changed["pin_length"]) == (
        "3d",
        5,
        True,
        8,
    )
    assert command.json("mode", "show", "username_pin") == changed
    assert not changed["self_service"]
    assert command.json("mode", "set", "username_pin", "--self-service")["self_service"]
    assert not command.json("mode", "set", "username_pin", "--no-self-service")["self_service"]
    assert "hours or days" in command.refusal("mode", "set", "username_pin", "--valid-for", "3 weeks")
    assert "not known" in command.refusal("mode", "show", "classic")
    assert command.run("mode", "set", "username_pin", "--tries", "many").returncode == 2


def test_an_invitation_is_made_with_the_values_in_force(ben: CommandLine) -> None:  # noqa: F811 - as above
    ben.json("mode", "set", "username_pin", "--pin-length", "12", "--default")
    made = ben.json("invite", "--user", "ben", "--show-pin")
    assert (made["mode"], len(made["pin"])) == ("username_pin", 12)
    ben.json("mode", "set", "high_security", "--off")
    assert "is off" in ben.refusal("invite", "--user", "ben", "--mode", "high_security")


def test_a_mode_that_is_only_a_row_is_listed_set_and_invited_in(
    ben: CommandLine,  # noqa: F811 - as above
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mode = add_mode(monkeypatch)
    assert mode.name in ben.run("mode", "list").stdout
    assert ben.json("mode", "set", mode.name, "--pin-length", "10")["pin_length"] == 10
    made = ben.json("invite", "--user", "ben", "--mode", mode.name, "--show-pin")
    assert (made["mode"], len(made["pin"])) == (mode.name, 10)
