"""What a rehearsal tells while it walks: each step by name, how long it took, and what to look at when it failed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from otae.errors import OtaeError


class MacRefuses(OtaeError):
    """A Mac would stop here. The text is one sentence for people and never holds a secret."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step that ended.

    ``words``: what came out of it, or why it failed; ``look_at``: where to look then, "" when it went well.
    """

    name: str
    seconds: float
    ok: bool
    words: str = ""
    look_at: str = ""


@dataclass(slots=True)
class Note:
    """What a step found out while it ran; the step sets ``words``."""

    words: str = ""


@dataclass(slots=True)
class Walk:
    """The steps so far. ``report`` hears each one as it ends."""

    report: Callable[[Step], None] = field(default=lambda _: None)
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, look_at: str) -> Iterator[Note]:
        """Time the block as step ``name``; what it raises is told as the step's failure and passes on."""
        note, begun = Note(), time.monotonic()
        try:
            yield note
        except Exception as error:
            known = str(error) if isinstance(error, OtaeError) else f"{type(error).__name__}: {error}"
            self._tell(Step(name, time.monotonic() - begun, ok=False, words=known, look_at=look_at))
            raise
        self._tell(Step(name, time.monotonic() - begun, ok=True, words=note.words))

    def _tell(self, step: Step) -> None:
        self.steps.append(step)
        self.report(step)
