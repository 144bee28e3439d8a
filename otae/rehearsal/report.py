"""The steps of a rehearsal: what each is called, how long it took, and where to look when it failed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from otae.errors import OtaeError


class MacRefuses(OtaeError):
    """A Mac would stop here. The text is one sentence for people and never holds a secret."""


@dataclass(frozen=True, slots=True)
class RehearsalStep:
    """A finished step.

    ``words`` is its result or why it failed; ``look_at`` is where to look after a failure, "" after success.
    """

    name: str
    seconds: float
    ok: bool
    words: str = ""
    look_at: str = ""


@dataclass(slots=True)
class Note:
    """The result of a running step, which the step sets."""

    words: str = ""


@dataclass(slots=True)
class StepRecorder:
    """Records steps in order; ``report`` is called with each when it ends."""

    report: Callable[[RehearsalStep], None] = field(default=lambda _: None)
    steps: list[RehearsalStep] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, look_at: str) -> Iterator[Note]:
        """Time the block as step ``name``; an exception becomes the step's failure and is raised on."""
        note, begun = Note(), time.monotonic()
        try:
            yield note
        except Exception as error:
            known = str(error) if isinstance(error, OtaeError) else f"{type(error).__name__}: {error}"
            self._add(RehearsalStep(name, time.monotonic() - begun, ok=False, words=known, look_at=look_at))
            raise
        self._add(RehearsalStep(name, time.monotonic() - begun, ok=True, words=note.words))

    def _add(self, step: RehearsalStep) -> None:
        self.steps.append(step)
        self.report(step)
