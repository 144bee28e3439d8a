"""A mode that is only a row of the table, for tests that a row is all it takes."""

import pytest

from otae.store.mode_table import MODES, Mode

NEW = Mode(
    "link_name_pin",
    "Link + User name + PIN",
    "your user name and PIN, through the link in the invitation",
    token=True,
    identification=True,
    secret=True,
    pin_length=6,
)


def add_mode(monkeypatch: pytest.MonkeyPatch) -> Mode:
    """Add the row until the test ends."""
    monkeypatch.setitem(MODES, NEW.name, NEW)
    return NEW
