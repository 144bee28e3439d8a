"""The `otae` command: it parses arguments, calls a room and prints; it decides nothing.

Each module has the commands about one subject, and registers them when it is imported.
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
    serials,
    terms_of_use,
)
from otae.cli.command import main

__all__ = ["main"]
