"""What the audit log's actions are in words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import otae
from otae.web.admin.settings.audit_words import WORDS, words_of


def recorded() -> Iterator[str]:
    """Give every action that the source records under a name written out."""
    for file in Path(otae.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr != "record" or getattr(node.func.value, "id", "") != "audit" or len(node.args) < 2:
                continue
            if isinstance(node.args[1], ast.Constant):
                yield str(node.args[1].value)


def test_every_action_that_is_recorded_has_words() -> None:
    found = set(recorded())
    assert len(found) > 50
    assert found - set(WORDS) == set()


def test_what_has_no_words_is_shown_as_it_is() -> None:
    assert words_of("unheard.of") == "unheard.of"
