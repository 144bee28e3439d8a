"""What no file of this repository may say.

The patterns are written so that this file does not match itself.
"""

import re

import pytest

from tests.house.tree import ROOT, texts

FORBIDDEN = {
    "work left for later": re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b"),
    "a package registry's host": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.(?:npmjs|yarnpkg)\.", re.IGNORECASE
    ),
    "a path of somebody's machine": re.compile(r"(?<![\w.:/<-])/(?:work|root|home|Users|private)/\w"),
    "filler": re.compile(r"lorem ipsu[m]|place[ ]?holder text", re.IGNORECASE),
    "who or what typed it": re.compile(
        r"languag[e] model|\bas an a[i]\b|\ba[i][- ]assisted|cod[e] assistant", re.IGNORECASE
    ),
}
#: Documents are named by their path below docs/, or in capitals when they lie at the top.
DOCUMENT = re.compile(r"(?<![\w/])((?:docs/[\w./-]+|[A-Z][A-Z_]{3,})\.md)\b")


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_no_file_contains(what: str) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert not found, "\n".join(found)


def test_every_document_that_is_named_exists() -> None:
    named = {(name, document) for name, text in texts().items() for document in DOCUMENT.findall(text)}
    assert not sorted((name, document) for name, document in named if not (ROOT / document).exists())


def test_links_between_documents_lead_somewhere() -> None:
    named = [
        (name, target)
        for name in texts()
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", texts()[name])
        if "://" not in target and not target.startswith("mailto:")
    ]
    assert not [each for each in named if not ((ROOT / each[0]).parent / each[1]).exists()]
