"""Classifying a mail server's refusals: about this message and its recipient, or about the server's settings.

The refused command decides, and within it the enhanced status code (RFC 3463) if there is one. The text of the answer
decides only where the codes leave it open.
"""

import re
from enum import Enum
from typing import Final

from otae.delivery.transport import (
    NotSent,
    PermanentlyRefused,
    PolicyRefused,
    ServerRefused,
    TemporaryFailure,
    Unreachable,
)


class RefusedCommand(Enum):
    """The command that a server refused; CONTENT is the mail itself, after DATA was accepted."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"


#: Subject and detail of a status, "7.1" of 5.7.1.
Status = tuple[int, int]

#: Reply codes about the connection or the sign-in, whichever command they answer.
ABOUT_SETTINGS: Final = frozenset({421, 530, 534, 535, 538})
#: Reply codes about the protocol (RFC 5321 §4.2.4), not about the message.
ABOUT_PROTOCOL: Final = frozenset({500, 502, 503, 504})
#: Statuses about the sender: RFC 3463 (1.7, 1.8), RFC 4954 (7.8 to 7.14), RFC 7372 and RFC 7505 (7.20 to 7.29:
#: DKIM, SPF, reverse DNS, null MX), and those that Exchange Online documents (SendAsDenied and the like).
ABOUT_SENDER: Final = frozenset({
    (1, 7), (1, 8), (2, 252), *((7, detail) for detail in (*range(8, 15), *range(20, 31), 57, 60, 64, 139)),
    *((7, detail) for detail in (501, 502, 503, 506, 508, 509, 511, 515, *range(606, 650), *range(700, 751))),
})  # fmt: skip
#: Statuses about the server itself: it accepts no mail, or is misconfigured.
ABOUT_SERVER: Final = frozenset({(3, 2), (3, 5)})
#: "Other address status": it does not say which address.
OTHER_ADDRESS: Final = (1, 0)
#: Microsoft's statuses when a tenant no longer accepts passwords; the second is also sent for a wrong password.
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


def classify(command: RefusedCommand, code: int, message: str) -> NotSent:
    """Return the error for the reply ``code`` ``message`` to ``command``.

    4xx is temporary. Of permanent refusals, PermanentlyRefused is about the message or its recipient, ServerRefused
    about everything sent through this server, and PolicyRefused about either of them.
    """
    words = f"{code} {message}"
    if not 400 <= code < 600:
        return TemporaryFailure("the server's answer is no SMTP")
    if code in ABOUT_SETTINGS:
        return Unreachable(words)
    return TemporaryFailure(words) if code < 500 else _classify_permanent(command, code, message)(words)


def _classify_permanent(command: RefusedCommand, code: int, message: str) -> type[NotSent]:
    kind, status = _status(message)
    if command is RefusedCommand.MAIL or code in ABOUT_PROTOCOL:
        return ServerRefused
    if kind == 4:
        return TemporaryFailure
    text_decides = status is None or status[0] in {0, 7}
    about_sender = (text_decides or status == OTHER_ADDRESS) and _SENDER_WORDS.search(message)
    if status in ABOUT_SENDER or status in ABOUT_SERVER or about_sender:
        return ServerRefused
    policy = status is not None and status[0] == 7 and command is not RefusedCommand.CONTENT
    if policy or (text_decides and _RELAY_WORDS.search(message)):
        return PolicyRefused
    return PermanentlyRefused


def sign_in_refusal(code: int, message: str) -> str:
    """Return the text for a refused sign-in, with advice where the reason is known."""
    status = _status(message)[1]
    if status == NO_PASSWORDS or (status == NOT_SIGNED_IN and "basic authentication is disabled" in message.lower()):
        return f"sign-in: this tenant no longer takes passwords: use OAuth ({code} {message})"
    return f"sign-in: {code} {message}"


def likeness_of(words: str) -> str:
    """Return what equal refusals have in common: "550 5.7.1", or "550" without an enhanced status code.

    Args:
        words: a server's answer, beginning with its reply code.
    """
    code, _, message = words.partition(" ")
    kind, status = _status(message)
    return f"{code} {kind}.{status[0]}.{status[1]}" if status else code


def _status(message: str) -> tuple[int | None, Status | None]:
    """Return class, and (subject, detail), of the first enhanced status code; None for both without one."""
    found = _STATUS.search(message)
    return (int(found[1]), (int(found[2]), int(found[3]))) if found else (None, None)
