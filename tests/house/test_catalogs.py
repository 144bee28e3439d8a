"""The catalogs in otae/locale hold every marked text, and are compiled: `make messages` does both."""

from pathlib import Path

import pytest

from tests import messages
from tests.house.tree import sources, texts

PATHS = messages.catalogs()


@pytest.mark.parametrize("path", PATHS, ids=["/".join(path.parts[-3::2]) for path in PATHS])
def test_a_catalog_is_in_step_with_the_texts(path: Path) -> None:
    assert path.read_bytes() == messages.written(messages.updated(path)), "run `make messages`"
    assert messages.compiled(path) == messages.pairs(messages.read(path)), "run `make messages`"


@pytest.mark.parametrize("path", PATHS, ids=["/".join(path.parts[-3::2]) for path in PATHS])
def test_nothing_is_missing_in_a_language_that_is_shipped(path: Path) -> None:
    assert not messages.untranslated(path, messages.read(path))


def test_texts_are_sorted_into_the_catalogs_by_where_they_stand() -> None:
    held = messages.extracted()
    assert "This Mac is enrolled for somebody else." in held["people"], "the words of a refusal"
    assert "Release the device under Devices, then let the person try again." in held["console"], "its advice"
    assert not set(held["people"]) & set(held["console"])


def test_no_text_is_marked_where_it_is_not_found() -> None:
    found = {name: lines for name in sources("otae") if (lines := list(messages.passed_over(texts()[name])))}
    assert not found, "mark the text apart from the f-string"


def test_a_text_is_not_found_in_an_f_string_and_as_one() -> None:
    for source in ("""f"{name}: {_('text')}\"""", '_(f"{name} is here")', """f"{one} {ngettext('a', 'b', 2)}\""""):
        assert list(messages.passed_over(source)) == [1]
    for source in ('_("hello")', 'f"{_(name)}"', 'N_("%(ratio)s", ratio=f"{ratio}")'):
        assert not list(messages.passed_over(source))
