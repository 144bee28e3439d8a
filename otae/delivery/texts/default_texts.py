"""The default texts of messages: the templates in templates/mail, in the languages that the product has.

The templates are Jinja; rendered, each gives a wording with macros, and that is what administrators may change.
"""

from dataclasses import dataclass
from functools import cache
from textwrap import wrap
from typing import Final, Self

from jinja2 import Environment

from otae.delivery.texts.kinds import ADMINISTRATIVE
from otae.delivery.texts.languages import MAIN, direction, with_fallbacks
from otae.words import PEOPLE_LANGUAGES, environment, in_language

#: The name of the default template of each kind.
DEFAULT_NAMES: Final = {
    "url": "Enrollment invitation",
    "pin": "Enrollment PIN",
    "confirmation": "Enrollment confirmation",
    "reminder": "Enrollment reminder",
    "revoked": "Invitation withdrawn",
    "expired": "Invitation expired",
    "approved": "Enrollment approved",
    "identity": "Identity confirmed",
    "notice": "Invitation failed",
    "objection": "Not the person at the desk",
    "trouble": "Mail server refuses everything",
    "approval": "Approval asked for",
    "manager": "Not enrolled in spite of reminders",
}
#: The languages besides English that there are default texts in, sorted.
TRANSLATED: Final = sorted(set(PEOPLE_LANGUAGES) - {MAIN})
#: Longest line of a mail's text.
_WIDTH: Final = 78


@dataclass(frozen=True)
class Wording:
    """The texts of a message, with macros: ``text`` and ``html`` of the same mail, and ``sms`` of the text message."""

    subject: str
    text: str
    html: str
    sms: str = ""

    @classmethod
    def of(cls, subject: str, text: str, html: str, sms: str = "") -> Self:
        """Return the wording that a browser sent, with line ends as LF."""
        return cls(subject.strip(), _lines(text), _lines(html), _lines(sms).strip())


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@cache
def default_wording(kind: str, language: str = MAIN) -> Wording:
    """Return the default wording of ``kind`` in one of PEOPLE_LANGUAGES; ADMINISTRATIVE kinds have no text message."""
    templates = _templates()
    plain, page = templates.get_template(f"mail/{kind}.txt"), templates.get_template(f"mail/{kind}.html")
    with in_language(language):
        return Wording(
            subject="".join(plain.blocks["subject"](plain.new_context())),
            text=_wrapped(plain.render()),
            html=page.render(language=language, direction=direction(language)) + "\n",
            sms="" if kind in ADMINISTRATIVE else templates.get_template(f"mail/{kind}.sms.txt").render(),
        )


def default_in(kind: str, language: str) -> Wording | None:
    """Return the default wording of ``kind`` in ``language`` or its base language ("de" for "de-AT"), or None."""
    found = next((tag for tag in with_fallbacks(language) if tag in TRANSLATED), None)
    return default_wording(kind, found) if found else None


@cache
def _templates() -> Environment:
    return environment()


def _wrapped(text: str) -> str:
    lines = (
        piece
        for line in text.strip("\n").split("\n")
        for piece in ([line] if line.startswith(" ") else wrap(line, _WIDTH, break_on_hyphens=False) or [""])
    )
    return "\n".join(lines) + "\n"
