"""How a language is written down: its words once, from which a mail is made as text and as HTML."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from otae.delivery.texts.default_texts import Wording
from otae.delivery.texts.kinds import ADMINISTRATIVE
from otae.delivery.texts.languages import direction
from otae.delivery.texts.mail_layout import page

#: Paragraphs that stand for what text and HTML say each in its way.
LINK, PIN, CHECK, FINGERPRINT = "@link", "@pin", "@check", "@fingerprint"
FAILED_PAGE, SETTINGS_PAGE = "@failed-page", "@settings-page"
_WIDTH: Final = 78


@dataclass(frozen=True)
class Said:
    """One message. ``title``: its heading; ``sms``: the same as a text message.

    ``words``: its paragraphs with an empty line between them, each broken anywhere, or one of the names above.
    """

    subject: str
    title: str
    words: str
    sms: str = ""

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs, each in one line."""
        return [" ".join(part.split()) for part in self.words.strip().split("\n\n")]


@dataclass(frozen=True)
class Speech:
    """One language. ``foot`` ends every message to a person, ``to_administrator`` a notice."""

    language: str
    greeting: str
    foot: str
    to_administrator: str
    open_message: str
    open_address: str
    button: str
    no_button: str
    check: str
    fingerprint: str
    kinds: Mapping[str, Said]


def worded(speech: Speech) -> dict[str, Wording]:
    """Return every message of a language, as templates hold them."""
    return {
        kind: Wording(said.subject, _text(speech, kind, said), _html(speech, kind, said), said.sms)
        for kind, said in speech.kinds.items()
    }


def _text(speech: Speech, kind: str, said: Said) -> str:
    notice = kind in ADMINISTRATIVE
    parts = [] if notice else [speech.greeting]
    for line in said.paragraphs:
        parts += {
            LINK: [speech.open_address, "${enrollment.url}", "${invitation.note}"],
            PIN: ["    ${enrollment.pin}"],
            CHECK: [f"{speech.check}\n${{root.fingerprint}}"],
            FINGERPRINT: [f"{speech.fingerprint}\n${{root.fingerprint}}"],
            FAILED_PAGE: ["${invitation.page}"],
            SETTINGS_PAGE: ["${failure.page}"],
        }.get(line, [line])
    parts.append(speech.to_administrator if notice else speech.foot)
    return "\n\n".join(_wrapped(part) for part in parts) + "\n"


def _wrapped(part: str) -> str:
    if part.startswith(" "):
        return part
    return "\n".join(
        piece
        for line in part.split("\n")
        for piece in wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)
    )


def _html(speech: Speech, kind: str, said: Said) -> str:
    links = 'style="color:#3b82f6;word-break:break-all"'
    body = []
    for line in said.paragraphs:
        body += {
            LINK: [f"@P@{speech.open_message}</p>", "@NOTE@", "@BUTTON@"],
            PIN: ["@PIN@"],
            CHECK: [f"@SMALL@{speech.check}<br>\n@FINGERPRINT@</p>"],
            FINGERPRINT: [f"@SMALL@{speech.fingerprint}<br>\n@FINGERPRINT@</p>"],
            SETTINGS_PAGE: [f'@P@<a href="${{failure.page}}" {links}>${{failure.page}}</a></p>'],
            FAILED_PAGE: [f'@P@<a href="${{invitation.page}}" {links}>${{invitation.page}}</a></p>'],
        }.get(line, [f"@P@{line}</p>"])
    notice = kind in ADMINISTRATIVE
    return page(
        said.title,
        "\n".join(body),
        greeting="" if notice else speech.greeting,
        foot=speech.to_administrator if notice else speech.foot,
        button=(speech.button, speech.no_button),
        language=speech.language,
        direction=direction(speech.language),
    )
