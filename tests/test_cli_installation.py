"""Commands that make an installation, back it up and restore it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.desks import on_sqlite
from tests.flow.processes import environment
from tests.test_cli import CommandLine, ben, command  # noqa: F401 - the fixtures


def otae(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, on an installation with a key file."""
    around = environment(folder) | {"OTAE_MASTER_KEYS": ""}
    run = [sys.executable, "-m", "otae", *arguments]
    return subprocess.run(run, env=around, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an installation with a key file out of an empty folder, by the command; tests work on copies."""
    folder = tmp_path_factory.mktemp("made")
    assert "migrate" in otae(folder, "user", "list").stderr
    assert otae(folder, "migrate").returncode == 0
    return folder


def copied(made: Path, folder: Path) -> Path:
    """Give a copy of ``made`` inside ``folder``."""
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder


@pytest.mark.slow
def test_an_empty_folder_becomes_an_installation(made: Path, tmp_path: Path) -> None:
    copied(made, tmp_path)
    assert otae(tmp_path, "migrate").returncode == 0
    assert json.loads(otae(tmp_path, "user", "list", "--json").stdout) == []
    assert (tmp_path / "var" / "master.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_a_lost_key_file_is_never_made_again(made: Path, tmp_path: Path) -> None:
    key_file = copied(made, tmp_path) / "var" / "master.key"
    key_file.unlink()
    done = otae(tmp_path, "migrate")
    assert done.returncode == 1
    assert "put it back" in done.stderr
    assert not key_file.exists()


@pytest.mark.slow
def test_a_backup_is_restored_elsewhere_and_says_what_is_lost(
    ben: CommandLine,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    created = ben.json("invite", "--user", "ben", "--mode", "username_pin", "--show-pin")
    file = tmp_path / "otae.backup"
    written = ben.json("backup", str(file))
    assert (written["file"], file.stat().st_mode & 0o777) == (str(file), 0o600)
    assert "exists already" in ben.refusal("backup", str(file))
    assert "is not empty" in ben.refusal("restore", str(file))
    ben.environment["OTAE_HOME"] = str(tmp_path / "elsewhere")
    done = ben.run("restore", str(file))
    assert done.returncode == 0, done.stderr
    for words in ("pins: 1", "deliveries: 2", f"after {written['taken_at']}", "certificates issued since then"):
        assert words in done.stdout
    assert ben.json("user", "list")[0]["name"] == "ben"
    assert ben.json("invitation", "show", created["id"])["timeline"][-1]["kind"] == "delivery.cancelled"
    assert ben.json("audit", "list")[0]["action"] == "backup.restored"
    assert ben.json("audit", "verify")["entries"] > 1
    assert ben.json("invitation", "resend", created["id"], "--show-pin")["pin"] != created["pin"]


def test_a_restore_answers_scripts_in_json_and_people_beside_it(
    ben: CommandLine,  # noqa: F811 - the fixture
    migrated_sqlite: Path,
    tmp_path: Path,
) -> None:
    on_sqlite(tmp_path / "elsewhere", migrated_sqlite)
    file = tmp_path / "otae.backup"
    assert ben.run("backup", str(file)).stdout.startswith("file: ")
    ben.environment["OTAE_HOME"] = str(tmp_path / "elsewhere")
    done = ben.run("restore", str(file), "--json")
    assert json.loads(done.stdout)["pins"] == 0
    assert "start every process anew" in done.stderr


def test_a_backup_that_is_none_or_of_other_keys_is_refused(
    ben: CommandLine,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    file, noise = tmp_path / "otae.backup", tmp_path / "noise"
    noise.write_bytes(b"PK\x03\x04 something else")
    ben.json("backup", str(file))
    ben.environment["OTAE_HOME"] = str(tmp_path / "elsewhere")
    assert "no backup of otae" in ben.refusal("restore", str(noise))
    ben.environment["OTAE_MASTER_KEYS"] = ben.run("keys", "generate").stdout.strip()
    assert "do not open this backup" in ben.refusal("restore", str(file))
    assert not (tmp_path / "elsewhere" / "otae.sqlite3").exists()


@pytest.mark.slow
def test_a_backup_goes_through_a_pipe(made: Path, migrated_sqlite: Path, tmp_path: Path) -> None:
    copied(made, tmp_path)
    around = environment(tmp_path) | {"OTAE_MASTER_KEYS": ""}
    run = [sys.executable, "-m", "otae"]
    data = subprocess.run([*run, "backup", "-"], env=around, capture_output=True, check=True).stdout
    assert data.startswith(b"otae backup 1\n")
    home = tmp_path / "elsewhere"
    on_sqlite(home, migrated_sqlite)
    (home / "master.key").write_bytes((tmp_path / "var" / "master.key").read_bytes())
    done = subprocess.run([*run, "restore", "-"], env=around | {"OTAE_HOME": str(home)}, input=data, check=False)
    assert done.returncode == 0
