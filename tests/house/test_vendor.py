"""Files of other projects say in their path which version they are, and carry their licence."""

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, name_of, tracked_files

VENDOR = ROOT / "otae" / "web" / "static" / "vendor"
FOLDERS = sorted(path for path in VENDOR.iterdir() if path.is_dir())
FOLDER_NAME = re.compile(r"^(?P<name>[a-z][a-z-]*)-(?P<version>\d+\.\d+\.\d+)$")


def test_something_is_vendored_and_nothing_lies_beside_the_folders() -> None:
    assert FOLDERS
    assert not [path for path in VENDOR.iterdir() if not path.is_dir()]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_vendored_folder_names_its_version_and_carries_its_licence(folder: Path) -> None:
    match = FOLDER_NAME.match(folder.name)
    assert match
    assert (folder / "LICENSE").stat().st_size > 200
    files = [path for path in folder.iterdir() if path.suffix in {".js", ".css"}]
    assert files
    assert any(match["version"] in path.read_text(encoding="utf-8") for path in files)


def test_other_scripts_and_styles_are_our_own_and_small() -> None:
    ours = [path for path in tracked_files() if path.suffix in {".js", ".css"} and VENDOR not in path.parents]
    assert not [name_of(path) for path in ours if path.stat().st_size > 40_000]
