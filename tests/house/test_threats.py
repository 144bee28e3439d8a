"""docs/threats.md names tests that exist, for every threat to certificates, the endpoints for Macs and the pages."""

import re

import pytest

from tests.house.tree import ROOT, texts

ROWS = {
    row.split(" | ")[0].strip("| "): row
    for row in (ROOT / "docs" / "threats.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| F?\d+ \|", row)
}


def test_no_threat_is_left_out() -> None:
    assert set(ROWS) >= {*map(str, (*range(1, 11), *range(14, 31), *range(33, 37), 39, 40, 41)), "F21", "F22"}


@pytest.mark.parametrize("threat", ROWS)
def test_the_tests_of_a_threat_exist(threat: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", ROWS[threat])
    assert named
    missing = [f"{file}::{test}" for file, test in named if not re.search(rf"def {test}\(", texts().get(file, ""))]
    assert not missing
