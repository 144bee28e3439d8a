"""The concept draws the wall; past these numbers, one sentence in the docstring says why."""

import ast

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


def test_a_function_has_at_most_sixty_lines() -> None:
    functions = ((name, node) for name in MODULES for node in ast.walk(parsed(name)))
    long = [
        f"{name}:{node.lineno} {node.name} has {lines_of(node)} lines"
        for name, node in functions
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > FUNCTION_LINES
        and FUNCTION_REASON not in said(ast.get_docstring(node))
    ]
    assert not long


def test_a_module_has_at_most_four_hundred_and_fifty_lines() -> None:
    counts = {name: len(texts()[name].splitlines()) for name in MODULES}
    long = {name: count for name, count in counts.items() if count > MODULE_LINES}
    assert not {
        name: count for name, count in long.items() if MODULE_REASON not in said(ast.get_docstring(parsed(name)))
    }
