"""The `otae` command: it parses arguments, calls a room and prints; it decides nothing.

One module per noun; importing it registers its commands.
"""

from otae.cli import (  # noqa: F401 - importing a module registers its commands
    administrators,
    authority,
    devices,
    directories,
    invitations,
    keys,
    modes,
    notifications,
    people,
    processes,
    properties,
    records,
)
from otae.cli.command import main

__all__ = ["main"]
