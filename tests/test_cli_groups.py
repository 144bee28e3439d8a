"""Groups on the command line: invited once, told member by member, exported."""

import csv
from pathlib import Path

import pytest

from tests.test_cli import CommandLine, ben, command  # noqa: F401 - fixtures

KEYS = {"user", "id", "token", "url", "mode", "status", "valid_until"}


@pytest.fixture
def crew(ben: CommandLine) -> CommandLine:  # noqa: F811 - the fixture above
    """Give a command line with Cleo and Dora in crew; Dora has no mail address."""
    ben.run("user", "add", "cleo", "--email", "cleo@example.test", "--group", "crew")
    ben.run("user", "add", "dora", "--group", "crew")
    return ben


def test_a_dry_run_tells_and_sends_nothing(crew: CommandLine) -> None:
    told = crew.json("invite", "--group", "local/crew", "--mode", "username_pin", "--dry-run")
    assert told == [
        {"user": "cleo", "email": "cleo@example.test", "mode": "username_pin", "status": "waiting"},
        {"user": "dora", "error": "dora has no e-mail address", "reason": "no-email"},
    ]
    assert crew.json("invitation", "list") == []


def test_a_group_is_invited_once_whatever_is_repeated(crew: CommandLine) -> None:
    order = ("invite", "--group", "crew", "--mode", "username_pin", "--show-pin", "--key", "autumn")
    cleo, dora = crew.json(*order)
    assert set(cleo) == KEYS | {"pin"}
    assert (cleo["user"], cleo["status"], len(cleo["pin"])) == ("cleo", "pending", 8)
    assert cleo["url"].endswith(cleo["token"])
    assert dora["reason"] == "no-email"
    again = crew.json(*order)
    assert again == [{name: value for name, value in cleo.items() if name != "pin"}, dora]
    assert len(crew.json("invitation", "list")) == 1
    assert "another order" in crew.refusal("invite", "--group", "crew", "--mode", "two_factor", "--key", "autumn")


def test_without_json_a_member_is_a_line(crew: CommandLine) -> None:
    lines = crew.run("invite", "--group", "crew", "--mode", "username_pin").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["cleo", "dora"]
    assert "dora has no e-mail address" in lines[1]


def test_a_group_that_is_not_there_is_refused(crew: CommandLine) -> None:
    assert "there is no group with this name" in crew.refusal("invite", "--group", "nowhere")


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("--user", "ben", "--group", "crew"),
        ("--user", "ben", "--dry-run"),
        ("--group", "x", "--serial", "C02XK1ZZJGH5"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(crew: CommandLine, wrong: tuple[str, ...]) -> None:
    assert crew.run("invite", *wrong).returncode == 2


def test_all_invitations_are_exported(crew: CommandLine, tmp_path: Path) -> None:
    crew.run("invite", "--group", "crew", "--mode", "username_pin")
    file = tmp_path / "invitations.csv"
    assert crew.run("invitation", "export", str(file)).returncode == 0
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [(row["user"], row["status"]) for row in rows] == [("cleo", "pending")]
    assert "exists already" in crew.refusal("invitation", "export", str(file))
