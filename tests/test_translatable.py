"""Marked texts: English for whoever knows only text, and complete in every copy."""

import copy
import pickle

import pytest

from otae.translatable import N_, NN_, Translatable


@pytest.mark.parametrize(
    "text",
    [N_("Two Factor"), N_("%(name)s is taken", name="ben"), NN_("%(num)d user", "%(num)d users", 3)],
    ids=str,
)
def test_a_copy_is_the_same_marked_text(text: Translatable) -> None:
    for again in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):  # noqa: S301 - bytes of our own
        assert again == text
        assert (again.source, again.plural, again.number, again.values) == (
            text.source,
            text.plural,
            text.number,
            text.values,
        )
