"""The desk: settings, vault, bell and resources of a running process, passed to the functions that need them."""

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from otae.settings import Settings
from otae.store.resources import Resources
from otae.store.vault import Vault


class Bell(Protocol):
    """Tells workers that rows wait to be processed. Rung after commit, never inside a transaction."""

    def ring(self, kind: str, *rows: UUID) -> None:
        """Tell workers that ``rows`` wait; never raises, since a sweep finds every row that waits.

        Args:
            kind: "delivery", "job", "group", "import" or "administrator-mail".
        """


class SilentBell:
    """A bell that does nothing: for commands that run beside a server, whose sweep finds the row."""

    def ring(self, kind: str, *rows: UUID) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Desk:
    """Settings, vault, bell and resources of one running process."""

    settings: Settings
    vault: Vault
    bell: Bell
    resources: Resources = field(default_factory=Resources, repr=False, compare=False)
