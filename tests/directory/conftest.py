"""What tests of directories share."""

from collections.abc import Iterator

import pytest

from otae.directory.ldap import pool


@pytest.fixture(autouse=True)
def lines_hung_up() -> Iterator[None]:
    """Leave no line to a directory open behind a test."""
    yield
    pool.close_idle()
