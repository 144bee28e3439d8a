"""Lists of serial numbers on the command line."""

from pathlib import Path

from tests.test_cli import CommandLine, command  # noqa: F401 - fixture


def test_serial_numbers_are_listed_added_moved_and_removed(command: CommandLine, tmp_path: Path) -> None:  # noqa: F811 - the fixture above
    file = tmp_path / "macs.csv"
    file.write_text("serial\nC02XK0AAAJG5\nC02XK0AAAJG6\n")
    added = command.json("serials", "add", "c02xk0aaajg7", "--file", str(file), "--note", "order 7")
    assert added == {"added": 3, "moved": 0, "known": 0}
    assert command.json("serials", "add", "--list", "refused", "C02XK0AAAJG6") == {"added": 0, "moved": 1, "known": 0}
    assert command.json("serials", "list", "--list", "refused") == [{"serial": "C02XK0AAAJG6", "note": ""}]
    assert command.json("serials", "remove", "C02XK0AAAJG7", "never there") == {"removed": 1}
    assert [row["serial"] for row in command.json("serials", "list")] == ["C02XK0AAAJG5"]
    assert "line 1 (X)" in command.refusal("serials", "add", "x").upper().replace("LINE", "line")
    assert "1 to 100000" in command.refusal("serials", "add")
