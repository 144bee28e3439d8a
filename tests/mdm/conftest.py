"""A desk that accepts the laboratory's Macs."""

from pathlib import Path

import pytest

from otae.store.desk import Desk
from tests.enrollment import lab


@pytest.fixture
def desk(desk: Desk, tmp_path: Path) -> Desk:
    """Give a desk that accepts the laboratory's Macs."""
    return lab.with_lab_maker(desk, tmp_path)
