"""What a room is handed: the settings, the vault, and a bell to ring when there is work for later."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from otae.settings import Settings
from otae.store.vault import Vault


class Bell(Protocol):
    """Hints a worker that a row waits. Rung after commit, never inside a transaction."""

    def ring(self, kind: str, *rows: UUID) -> None:
        """Hint that ``rows`` of a kind ("delivery", "job", "group", "import") wait. Never raises: a sweep finds all."""


class Silence:
    """A bell that nobody hears: for commands that run beside a server, whose sweep finds the row."""

    def ring(self, kind: str, *rows: UUID) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Desk:
    """One running installation, as its rooms see it."""

    settings: Settings
    vault: Vault
    bell: Bell
