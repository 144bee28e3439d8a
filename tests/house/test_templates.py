"""Templates hold no script, no style and no unescaped value: the content security policy forbids the first two."""

import re

import pytest

from tests.house.tree import ROOT, texts

TEMPLATES = {name: text for name, text in texts().items() if name.startswith("templates/")}
PAGES = sorted(name for name in TEMPLATES if not name.startswith("templates/mail/"))

FORBIDDEN = {
    "an unescaped value": re.compile(r"\|\s*safe\b|autoescape\s+false|Markup\("),
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE),
    "an inline handler": re.compile(r"\s(?:on[a-z]+|hx-on[\w:-]*)\s*=", re.IGNORECASE),
    "a script in an attribute": re.compile(r"javascript:|[\"'\s]js:", re.IGNORECASE),
    "a question of the browser's own (the button says {{ asks(…) }}, see otae/web/questions.py)": re.compile(
        r"data-confirm|hx-confirm", re.IGNORECASE
    ),
    "a trigger filter": re.compile(r"hx-trigger=\"[^\"]*\[", re.IGNORECASE),
}
STYLE = re.compile(r"<style\b|\sstyle\s*=", re.IGNORECASE)


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_no_template_contains(what: str) -> None:
    found = [name for name, text in TEMPLATES.items() if FORBIDDEN[what].search(text)]
    assert not found


def test_no_page_carries_its_own_style() -> None:
    # Mails are the exception: mail programs read nothing else.
    assert not [name for name in PAGES if STYLE.search(TEMPLATES[name])]


def test_every_page_is_escaped_by_its_name() -> None:
    assert not [name for name in TEMPLATES if not name.endswith((".html", ".txt"))]


def test_every_static_file_a_template_names_exists() -> None:
    for name, text in TEMPLATES.items():
        for path in re.findall(r"/static/([\w./-]*\w)", text):
            assert (ROOT / "otae/web/static" / path).is_file(), f"{name} names {path}"
