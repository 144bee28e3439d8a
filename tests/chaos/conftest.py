"""Faults at full size. They take long, so they run when this folder is asked for: `make chaos`."""

from pathlib import Path

import pytest

from tests.tasks.conftest import shared_settings, start_process
from tests.tasks.test_faults import house

__all__ = ["house", "shared_settings", "start_process"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out of a run that names another place, or none."""
    asked = any("chaos" in argument for argument in config.invocation_params.args)
    return None if asked or not collection_path.name.startswith("test_") else True
