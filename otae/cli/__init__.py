"""The `otae` command: every command of the contract, none of the logic.

A module a noun; importing it adds its commands.
"""

from otae.cli import (
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

__all__ = [
    "administrators",
    "authority",
    "devices",
    "directories",
    "invitations",
    "keys",
    "main",
    "modes",
    "notifications",
    "people",
    "processes",
    "properties",
    "records",
]
