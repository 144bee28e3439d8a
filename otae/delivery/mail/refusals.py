"""Whose trouble a mail server's refusal is: the message's and its recipient's, or the server's as it is set up.

The command that was refused decides, and within it the enhanced status code (RFC 3463) where there is one. Words decide
only where the codes leave it open.
"""

import re
from enum import Enum
from typing import Final

from otae.delivery.transport import NotSent, NotYet, PolicyRefused, RefusedForGood, ServerRefused, Unreachable


class Command(Enum):
    """What a server answered: MAIL, RCPT, DATA before the content, or the content behind it."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"


#: Subject and detail of a status, "7.1" of 5.7.1.
Status = tuple[int, int]

#: Answers that speak of the connection or of signing in, whichever command they answer.
ABOUT_SETTINGS: Final = frozenset({421, 530, 534, 535, 538})
#: Answers that speak of the protocol (RFC 5321 §4.2.4), not of what was sent by it.
ABOUT_PROTOCOL: Final = frozenset({500, 502, 503, 504})
#: Statuses that speak of who sends: RFC 3463 (1.7, 1.8), RFC 4954 (7.8 to 7.14), RFC 7372 and RFC 7505 (7.20 to 7.29:
#: DKIM, SPF, reverse DNS, null MX), and what Exchange Online documents as its own (SendAsDenied and the like).
ABOUT_SENDER: Final = frozenset({
    (1, 7), (1, 8), (2, 252), *((7, detail) for detail in (*range(8, 15), *range(20, 31), 57, 60, 64, 139)),
    *((7, detail) for detail in (501, 502, 503, 506, 508, 509, 511, 515, *range(606, 650), *range(700, 751))),
})  # fmt: skip
#: Statuses that speak of the server itself: it takes no mail, or is set up wrongly.
ABOUT_SERVER: Final = frozenset({(3, 2), (3, 5)})
#: "Other address status": does not say whose address.
OTHER_ADDRESS: Final = (1, 0)
#: Microsoft's answers where a tenant no longer takes passwords; the second is also that to a wrong one.
NO_PASSWORDS, NOT_SIGNED_IN = (7, 30), (7, 139)

_STATUS = re.compile(r"(?:^[\[(]?|#)([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])", re.MULTILINE)
_SENDER_WORDS = re.compile(
    r"\bsend[ _-]?(?:as|on behalf)\b|\bsendas|\benvelope sender\b|\bsender verif|\bnot owned by\b|"
    r"\bsender\b.{0,60}\b(?:reject|denied|refus|verif|unknown|invalid|block)|"
    r"\bsender\b.{0,60}\bnot (?:allow|own|permit|author|exist|found)|"
    r"\b(?:unverified|invalid|unknown|bad|unauthori[sz]ed) sender\b|"
    r"\b(?:envelope|mail|header|message)[ -]from\b|\bfrom[ -](?:address|header|domain)|"
    r"\bto send (?:mail |messages? |e-?mail )?(?:as|from|for|on behalf)\b|\breturn[ -]path\b|\b(?:spf|dkim|dmarc)\b",
    re.IGNORECASE,
)
_RELAY_WORDS = re.compile(r"\brelay(?:s|ed|ing)?\b", re.IGNORECASE)


def judged(command: Command, code: int, message: str) -> NotSent:
    """Return what to make of the answer ``code`` ``message`` to ``command``: one of NotSent's children.

    4xx is nobody's for long. What is refused for good: by RefusedForGood the message or its recipient, by ServerRefused
    everything that goes through this server, by PolicyRefused perhaps the one, perhaps the other.
    """
    words = f"{code} {message}"
    if not 400 <= code < 600:
        return NotYet("the server's answer is no SMTP")
    if code in ABOUT_SETTINGS:
        return Unreachable(words)
    return NotYet(words) if code < 500 else _for_good(command, code, message)(words)


def _for_good(command: Command, code: int, message: str) -> type[NotSent]:
    kind, status = _status(message)
    if command is Command.MAIL or code in ABOUT_PROTOCOL:
        return ServerRefused
    if kind == 4:
        return NotYet
    open_to_words = status is None or status[0] in {0, 7}
    about_sender = (open_to_words or status == OTHER_ADDRESS) and _SENDER_WORDS.search(message)
    if status in ABOUT_SENDER or status in ABOUT_SERVER or about_sender:
        return ServerRefused
    policy = status is not None and status[0] == 7 and command is not Command.CONTENT
    if policy or (open_to_words and _RELAY_WORDS.search(message)):
        return PolicyRefused
    return RefusedForGood


def signing_in(code: int, message: str) -> str:
    """Return what to say of a refused sign-in."""
    status = _status(message)[1]
    if status == NO_PASSWORDS or (status == NOT_SIGNED_IN and "basic authentication is disabled" in message.lower()):
        return f"sign-in: this tenant no longer takes passwords: use OAuth ({code} {message})"
    return f"sign-in: {code} {message}"


def alike(words: str) -> str:
    """Return what two refusals have in common that are refused alike: code and status, "550 5.7.1" or "550"."""
    code, _, message = words.partition(" ")
    kind, status = _status(message)
    return f"{code} {kind}.{status[0]}.{status[1]}" if status else code


def _status(message: str) -> tuple[int | None, Status | None]:
    """Return the class, and subject and detail, of the first enhanced status code; None without one."""
    found = _STATUS.search(message)
    return (int(found[1]), (int(found[2]), int(found[3]))) if found else (None, None)
