"""When CI is set nothing may be skipped: a machine that lacks something must not look green."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

CASES = {
    "test_itself": "import pytest\ndef test_it() -> None:\n    pytest.skip('no such program')\n",
    "test_mark": "import pytest\n@pytest.mark.skip(reason='no such program')\ndef test_it(): pass\n",
    "test_module": "import pytest\npytest.skip('no such program', allow_module_level=True)\n",
    "test_allowed": "import pytest\n@pytest.mark.cannot_exist\ndef test_it(): pytest.skip('no such combination')\n",
}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    for name, text in CASES.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def run(folder: Path, ci: str) -> str:
    config = ["-c", str(ROOT / "pyproject.toml"), "--noconftest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors", *config, str(folder)]
    environment = {**os.environ, "CI": ci}
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment).stdout


def test_every_skip_fails_in_ci_and_keeps_its_reason_unless_it_is_about_nothing(cases: Path) -> None:
    told = run(cases, ci="true")
    assert "1 failed, 1 skipped, 2 errors" in told
    assert told.count("Nothing may be skipped when CI is set") >= len(CASES) - 1
    assert "no such program" in told


def test_every_skip_is_a_skip_elsewhere(cases: Path) -> None:
    assert "4 skipped" in run(cases, ci="")
