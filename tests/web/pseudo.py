"""A language that brackets every translated text, so that a test sees what was not translated."""

import re
from collections.abc import Iterator
from gettext import NullTranslations
from html.parser import HTMLParser

import pytest

from otae import words

#: Languages that Babel knows and this product has no catalog for: one from the left, one from the right.
TAG = "sv"
FROM_THE_RIGHT = "ar"
#: Attributes whose text people see or hear.
SEEN = ("alt", "aria-label", "data-copied", "data-hide", "data-label", "data-show", "label", "placeholder", "title")
BRACKETED = re.compile(r"\[!(?:(?!\[!|!\]).)*!\]", re.DOTALL)


class Pseudo(NullTranslations):
    """Puts every text into brackets, and keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_up: set[str] = set()

    def gettext(self, message: str) -> str:
        self.looked_up.add(message)
        return f"[!{message}!]"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.looked_up |= {msgid1, msgid2}
        return f"[!{msgid1 if n == 1 else msgid2}!]"


def speak(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Offer the bracketing languages on every page; return the set of what is looked up from now on."""
    catalog, english = Pseudo(), NullTranslations()
    monkeypatch.setattr(words, "translations", lambda tag: english if tag == "en" else catalog)
    for offered in ("PEOPLE_LANGUAGES", "CONSOLE_LANGUAGES"):
        monkeypatch.setattr(words, offered, ("en", TAG, FROM_THE_RIGHT))
    return catalog.looked_up


def untranslated(page: str) -> list[str]:
    """Return the texts of a page that stand outside of all brackets."""
    before = ""
    while before != page:
        before, page = page, BRACKETED.sub("", page)
    reader = _Reader()
    reader.feed(page)
    return [text for text in reader.found if re.search(r"[^\W\d_]", text)]


class _Reader(HTMLParser):
    """Collects what people see or hear of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        asks = ("name", "ask") in attrs
        self.found += [value.strip() for name, value in attrs if value and (name in SEEN or (asks and name == "value"))]
        if tag in {"script", "style", "textarea", "pre", "iframe"} or ("lang", "en") in attrs:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside and data.strip():
            self.found.append(" ".join(data.split()))


def pieces(text: str) -> Iterator[str]:
    """Yield what stands between the signs that join texts."""
    yield from (piece.strip() for piece in re.split(r"(?:^|\s)[·–→](?:\s|$)|[,;:]\s|[()“”…]", text) if piece.strip())
