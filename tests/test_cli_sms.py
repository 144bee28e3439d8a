"""Text messages and the PIN's own way on the command line."""

import pytest

from tests.test_cli import CommandLine, ben, command  # noqa: F401 - fixtures

VONAGE = ("notification-server", "add", "sms", "--name", "Texts", "--gateway", "vonage")
FIELDS = ("--set", "api_key=abcd1234", "--set", "sender=Example")


def test_a_gateway_is_added_without_its_key_on_the_command_line(command: CommandLine) -> None:  # noqa: F811 - the fixture above
    added = command.json(*VONAGE, *FIELDS, "--secret-stdin", text="s3cr3t\n")
    assert added == {"name": "Texts", "kind": "sms", "gateway": "vonage", "active": True}
    assert command.json("notification-server", "list") == [added]
    assert "s3cr3t" not in command.run("notification-server", "list").stdout
    refused = command.run(*VONAGE, "--set", "api_secret=s3cr3t")
    assert (refused.returncode, "--secret-stdin" in refused.stderr) == (2, True)
    assert command.run(*VONAGE, "--set", "nonsense=1").returncode == 2
    assert "api_secret" in command.refusal(*VONAGE, *FIELDS, "--name", "Other")


def test_a_carriers_gateway_needs_no_key_and_a_test_says_what_is_missing(command: CommandLine) -> None:  # noqa: F811 - as above
    added = command.json(
        "notification-server", "add", "sms", "--name", "Carriers", "--gateway", "carrier", "--set", "carrier=Verizon"
    )
    assert added["active"]
    done = command.run("notification-server", "test", "Carriers", "--to", "+1 201 555 0123", "--json")
    assert (done.returncode, "no mail server is active" in done.stdout) == (1, True)
    assert "recipient" in command.refusal("notification-server", "test", "Carriers", "--to", "ada@example.test")


@pytest.mark.parametrize("channel", ["shown", "card"])
def test_a_pin_by_hand_is_printed_once_and_again_only_when_asked_for(ben: CommandLine, channel: str) -> None:  # noqa: F811 - as above
    made = ben.json("invite", "--user", "ben", "--pin-channel", channel)
    assert len(made["pin"]) == 8
    assert "from its own page" in ben.refusal("invitation", "resend", made["id"])
    again = ben.json("invitation", "resend", made["id"], "--show-pin")
    assert again["pin"] != made["pin"]


def test_a_pin_by_text_message_needs_a_number(ben: CommandLine) -> None:  # noqa: F811 - as above
    assert "phone number" in ben.refusal("invite", "--user", "ben", "--pin-channel", "sms")


def test_the_pins_of_a_group_are_printed_when_they_are_to_be_shown(ben: CommandLine) -> None:  # noqa: F811 - as above
    ben.run("user", "add", "cleo", "--email", "cleo@example.test", "--group", "crew")
    (cleo,) = ben.json("invite", "--group", "crew", "--mode", "username_pin", "--pin-channel", "shown")
    assert len(cleo["pin"]) == 8
