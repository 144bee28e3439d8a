"""The import contracts hold on a tree that keeps them and notice each kind of break."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

EDGES = ("web", "tasks", "rehearsal", "overview", "mdm", "enrollment", "invitations")
ROOMS = ("accounts", "directory", "delivery", "authority", "branding", "store", "signing", "apple")
MODULES = (
    "__main__",
    "cli",
    "app",
    "connection_pool",
    "outgoing",
    "words",
    "contacts",
    "paths",
    "settings",
    "server_urls",
    "colours",
    "hostnames",
    "text",
    "time_zones",
    "errors",
    "translatable",
)
NAMED = ("rehearsal/mac", "rehearsal/run", "store/vault", "store/models")

BREAKS = {
    "upwards": ("otae/signing/cms.py", "import otae.store"),
    "beside": ("otae/tasks/schedule.py", "import otae.web"),
    "the directory needs delivery": ("otae/directory/lookup.py", "import otae.delivery"),
    "nowhere on the stair": ("otae/helpers.py", ""),
    "the Mac knows a room": ("otae/rehearsal/mac.py", "import otae.mdm"),
    "signing knows the database": ("otae/signing/cms.py", "import tortoise"),
    "a page reads a table": ("otae/web/pages.py", "import otae.store.models"),
    "a room knows HTTP": ("otae/mdm/checkin.py", "import starlette"),
    "a room knows the queue": ("otae/invitations/lifecycle.py", "import dramatiq"),
}


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    (tmp_path / "otae").mkdir()
    (tmp_path / "otae/__init__.py").touch()
    for package in EDGES + ROOMS:
        (tmp_path / "otae" / package).mkdir()
        (tmp_path / "otae" / package / "__init__.py").touch()
    for module in MODULES + NAMED:
        (tmp_path / "otae" / f"{module}.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([program, "--no-cache"], check=False, capture_output=True, text=True, cwd=folder)


def test_a_tree_that_keeps_the_contracts_passes(skeleton: Path) -> None:
    (skeleton / "otae/web/pages.py").write_text("import starlette\nimport otae.invitations\n")
    (skeleton / "otae/tasks/broker.py").write_text("import dramatiq\nimport otae.delivery\n")
    done = lint(skeleton)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("what", sorted(BREAKS))
def test_a_break_is_noticed(skeleton: Path, what: str) -> None:
    path, line = BREAKS[what]
    (skeleton / path).write_text(f"{line}\n")
    assert lint(skeleton).returncode == 1
