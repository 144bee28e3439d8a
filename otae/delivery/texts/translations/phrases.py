"""The form of a translation: each phrase once, from which the text and HTML of the mails are built."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from otae.delivery.texts.default_texts import Wording
from otae.delivery.texts.kinds import ADMINISTRATIVE
from otae.delivery.texts.languages import direction
from otae.delivery.texts.mail_layout import page

#: Placeholder paragraphs, which differ between text and HTML.
LINK, PIN, CHECK, FINGERPRINT = "@link", "@pin", "@check", "@fingerprint"
FAILED_PAGE, SETTINGS_PAGE = "@failed-page", "@settings-page"
_WIDTH: Final = 78


@dataclass(frozen=True)
class MessagePhrases:
    """The phrases of one message.

    Attributes:
        title: The heading of the HTML mail.
        words: Paragraphs separated by an empty line, wrapped anywhere; a paragraph may be a placeholder above.
        sms: The text message.
    """

    subject: str
    title: str
    words: str
    sms: str = ""

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs, each on one line."""
        return [" ".join(part.split()) for part in self.words.strip().split("\n\n")]


@dataclass(frozen=True)
class LanguagePhrases:
    """The phrases of one language. ``foot`` ends every message to a person, ``to_administrator`` every notice."""

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
    kinds: Mapping[str, MessagePhrases]


def build_wordings(phrases: LanguagePhrases) -> dict[str, Wording]:
    """Return the wording of every message of a language, by kind."""
    return {
        kind: Wording(message.subject, _text(phrases, kind, message), _html(phrases, kind, message), message.sms)
        for kind, message in phrases.kinds.items()
    }


def _text(phrases: LanguagePhrases, kind: str, message: MessagePhrases) -> str:
    notice = kind in ADMINISTRATIVE
    parts = [] if notice else [phrases.greeting]
    for line in message.paragraphs:
        parts += {
            LINK: [phrases.open_address, "${enrollment.url}", "${invitation.note}"],
            PIN: ["    ${enrollment.pin}"],
            CHECK: [f"{phrases.check}\n${{root.fingerprint}}"],
            FINGERPRINT: [f"{phrases.fingerprint}\n${{root.fingerprint}}"],
            FAILED_PAGE: ["${invitation.page}"],
            SETTINGS_PAGE: ["${failure.page}"],
        }.get(line, [line])
    parts.append(phrases.to_administrator if notice else phrases.foot)
    return "\n\n".join(_wrapped(part) for part in parts) + "\n"


def _wrapped(part: str) -> str:
    if part.startswith(" "):
        return part
    return "\n".join(
        piece
        for line in part.split("\n")
        for piece in wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)
    )


def _html(phrases: LanguagePhrases, kind: str, message: MessagePhrases) -> str:
    links = 'style="color:#3b82f6;word-break:break-all"'
    body = []
    for line in message.paragraphs:
        body += {
            LINK: [f"@P@{phrases.open_message}</p>", "@NOTE@", "@BUTTON@"],
            PIN: ["@PIN@"],
            CHECK: [f"@SMALL@{phrases.check}<br>\n@FINGERPRINT@</p>"],
            FINGERPRINT: [f"@SMALL@{phrases.fingerprint}<br>\n@FINGERPRINT@</p>"],
            SETTINGS_PAGE: [f'@P@<a href="${{failure.page}}" {links}>${{failure.page}}</a></p>'],
            FAILED_PAGE: [f'@P@<a href="${{invitation.page}}" {links}>${{invitation.page}}</a></p>'],
        }.get(line, [f"@P@{line}</p>"])
    notice = kind in ADMINISTRATIVE
    return page(
        message.title,
        "\n".join(body),
        greeting="" if notice else phrases.greeting,
        foot=phrases.to_administrator if notice else phrases.foot,
        button=(phrases.button, phrases.no_button),
        language=phrases.language,
        direction=direction(phrases.language),
    )
