"""People on the command line: imported from a file, listed, exported."""

from pathlib import Path

import pytest

from tests.test_cli import CommandLine, ben, command  # noqa: F401 - fixtures


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a provisioning file: somebody new, somebody known, somebody refused."""
    path = tmp_path / "people.csv"
    path.write_text("cleo;four quiet words;USER;sales.north\nben;;SUPPORT;crew\ndora;;NOBODY\n", encoding="utf-8")
    return path


def test_a_file_is_looked_through_imported_and_changes_nothing_the_second_time(
    ben: CommandLine,  # noqa: F811 - the fixture above
    file: Path,
) -> None:
    chosen = ("user", "import", str(file), "--format", "users")
    told = ben.json(*chosen, "--dry-run")
    assert [(row["line"], row["user"], row["result"]) for row in told] == [
        (1, "cleo", "new"),
        (2, "ben", "changed"),
        (3, "dora", "refused"),
    ]
    assert told[0]["writes"] == {"display_name": "cleo", "role": "USER", "groups": "sales.north", "password": "yes"}
    assert told[1]["changes"] == ["role", "groups"]
    assert "no such role" in told[2]["reason"]
    assert [row["name"] for row in ben.json("user", "list")] == ["ben"]
    assert [row["result"] for row in ben.json(*chosen)] == ["added", "saved", "refused"]
    known = {row["name"]: row for row in ben.json("user", "list")}
    assert known["cleo"]["groups"] == ["sales.north"]
    assert known["ben"]["role"] == "SUPPORT"
    lines = ben.run(*chosen).stdout.splitlines()
    assert lines == ["1  cleo  unchanged", "2  ben  unchanged", "3  dora  refused  there is no such role"]


def test_a_file_says_which_passwords_it_sets_and_a_guess_sets_none(
    ben: CommandLine,  # noqa: F811 - as above
    file: Path,
    tmp_path: Path,
) -> None:
    told = ben.run("user", "import", str(file), "--format", "users", "--dry-run")
    assert "sets passwords of 1 user" in told.stderr
    assert "1  cleo  new  display_name cleo; role USER; groups sales.north; gets a password" in told.stdout
    guessed = ben.run("user", "import", str(file), "--dry-run")
    assert "--format users" in guessed.stderr
    assert "gets a password" not in guessed.stdout
    other = tmp_path / "other.csv"
    other.write_text("employee;full name\nbert.o;Bertil Oestergaard Holm\n", encoding="utf-8")
    assert "no heading says which column" in ben.refusal("user", "import", str(other))


def test_what_is_exported_is_imported_again(ben: CommandLine, tmp_path: Path) -> None:  # noqa: F811 - as above
    path = tmp_path / "out.csv"
    ben.run("user", "export", str(path))
    assert path.read_text(encoding="utf-8").startswith("\ufeffuser,")
    assert "ben@example.test" in path.read_text(encoding="utf-8")
    assert [row["result"] for row in ben.json("user", "import", str(path))] == ["unchanged"]
    assert "exists already" in ben.refusal("user", "export", str(path))
    assert ben.run("user", "export", "-", "--format", "users").stdout == "ben;;USER;sales\n"


def test_what_is_no_file_of_people_is_refused(ben: CommandLine, tmp_path: Path) -> None:  # noqa: F811 - as above
    path = tmp_path / "no.csv"
    path.write_bytes(b"PK\x03\x04\0")
    assert "no text file" in ben.refusal("user", "import", str(path))
