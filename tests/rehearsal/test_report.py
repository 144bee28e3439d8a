"""Each step is told once, with its time, and a failed one with where to look."""

import pytest

from otae.errors import ChallengeUsed
from otae.rehearsal.report import MacRefuses, RehearsalStep, StepRecorder


def test_steps_are_told_in_order() -> None:
    heard: list[RehearsalStep] = []
    walk = StepRecorder(heard.append)
    with walk.step("first", "nowhere") as note:
        note.words = "well done"
    with walk.step("second", "nowhere"):
        pass
    assert heard == walk.steps
    assert [(step.name, step.ok, step.words, step.look_at) for step in heard] == [
        ("first", True, "well done", ""),
        ("second", True, "", ""),
    ]
    assert all(step.seconds >= 0 for step in heard)


@pytest.mark.parametrize(
    ("error", "words"),
    [(MacRefuses("stopped"), "stopped"), (ChallengeUsed("again"), "again"), (KeyError("x"), "KeyError: 'x'")],
)
def test_a_failure_is_told_and_passes_on(error: Exception, words: str) -> None:
    walk = StepRecorder()
    with pytest.raises(type(error)), walk.step("first", "the log"):
        raise error
    assert [(step.ok, step.words, step.look_at) for step in walk.steps] == [(False, words, "the log")]
