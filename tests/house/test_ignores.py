"""Exceptions from the checkers are few, counted, and each says why."""

import re
import tomllib

from tests.house.tree import ROOT, sources

#: How many lines the type checker is told to overlook. Raise it only together with a line that could not be avoided.
TYPE_IGNORES = 25

TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore\b(?P<rest>.*)")
TYPE_REASON = re.compile(r"^\[[a-z-]+(?:, ?[a-z-]+)*\]\s*#\s*\S.{7,}")
NOQA = re.compile(r"#\s*noq[a]\b(?P<rest>.*)")
NOQA_REASON = re.compile(r"^: [A-Z]+\d+(?:, ?[A-Z]+\d+)*\s+(?:[-#] )?\S.{3,}")


def lines(pattern: re.Pattern[str]) -> dict[str, str]:
    """Find each line that asks a checker to look away; give what follows the request."""
    return {
        f"{name}:{number}": match["rest"]
        for name, text in sources("otae", "migrations", "tests").items()
        for number, line in enumerate(text.splitlines(), 1)
        if name != "tests/house/test_ignores.py" and (match := pattern.search(line))
    }


def test_each_type_ignore_names_its_error_and_its_reason() -> None:
    assert not [where for where, rest in lines(TYPE_IGNORE).items() if not TYPE_REASON.match(rest)]


def test_the_type_ignores_are_counted() -> None:
    assert len(lines(TYPE_IGNORE)) == TYPE_IGNORES, "\n".join(lines(TYPE_IGNORE))


def test_each_lint_exception_names_its_rule_and_its_reason() -> None:
    assert not [where for where, rest in lines(NOQA).items() if not NOQA_REASON.match(rest)]


def test_the_type_checker_has_no_exempted_module() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        mypy = tomllib.load(file)["tool"]["mypy"]
    assert mypy["strict"] is True
    assert not {"overrides", "exclude", "plugins", "ignore_missing_imports"} & set(mypy)


def test_each_ignored_lint_rule_is_explained_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    rules = re.findall(r'^ {2}"[A-Z]+\d*",(.*)$', text, re.MULTILINE)
    assert rules
    assert all(re.match(r"\s+# \S.{3,}", rest) for rest in rules)
