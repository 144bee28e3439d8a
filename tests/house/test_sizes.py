"""The concept draws the wall; past these numbers, one sentence in the docstring says why."""

import ast

import pytest

from tests.house.tree import parsed, sources, texts

FUNCTION_LINES = 60
MODULE_LINES = 450
FUNCTION_REASON = "longer than 60 lines because"
MODULE_REASON = "longer than 450 lines because"

MODULES = sorted(sources("otae", "tests"))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count from ``def`` to the last line, the docstring left out: a promise may be as long as it must."""
    docstring = 0
    if ast.get_docstring(function, clean=False) is not None:
        first = function.body[0]
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def said(text: str | None) -> str:
    """Put a docstring on one line, so that a sentence may wrap."""
    return " ".join((text or "").split())


@pytest.mark.parametrize("name", MODULES)
def test_a_function_has_at_most_sixty_lines(name: str) -> None:
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of(node) > FUNCTION_LINES:
            assert FUNCTION_REASON in said(ast.get_docstring(node)), f"{node.name} has {lines_of(node)} lines"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_at_most_four_hundred_and_fifty_lines(name: str) -> None:
    count = len(texts()[name].splitlines())
    if count > MODULE_LINES:
        assert MODULE_REASON in said(ast.get_docstring(parsed(name))), f"it has {count} lines"
