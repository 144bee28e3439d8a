"""The ways a message can leave the house, and the ways it can fail to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from otae.errors import OtaeError
from otae.text import cleaned_line

Message_contra = TypeVar("Message_contra", contravariant=True)

#: Longest answer of a server that is kept.
WORDS = 300


class NotSent(OtaeError):
    """A message did not go out. The text is for administrators: the server's own words where it gave some."""

    def __init__(self, words: str) -> None:
        super().__init__(plain(words))


class RefusedForGood(NotSent):
    """The server refused this very message or its recipient; trying again cannot help."""


class NotYet(NotSent):
    """Temporary, or the fault of the server's settings rather than of the message: it is tried again later."""


class Unreachable(NotYet):
    """The server cannot be reached, or does not let us in: another one might."""


class ServerRefused(Unreachable):
    """The server refuses whatever we send as it is set up, its sender for one: its administrators are told."""


class PolicyRefused(NotSent):
    """The server's policy refuses this recipient, or everybody: what it says to a recipient elsewhere decides."""


class Superseded(NotSent):
    """The message lost its point while it was on its way, and was not ended."""


class OutcomeUnknown(NotSent):
    """The line broke after the whole message was handed over: it may have arrived."""


@dataclass(frozen=True)
class Receipt:
    """The server's words when it took the message, and the TLS that was agreed ("" when the line was in clear)."""

    words: str
    tls: str = ""


#: Awaited when the content is on its way and its end is not: from then on the outcome may stay unknown.
BeforeEnd = Callable[[], Awaitable[None]]


class Transport(Protocol[Message_contra]):
    """One way out, for mail (Mail) or for text messages (str)."""

    @property
    def name(self) -> str:
        """What the timeline calls it."""

    async def send(self, message: Message_contra, recipient: str, before_end: BeforeEnd) -> Receipt:
        """Hand ``message`` over for ``recipient``; raises NotSent's children, nothing else."""


def plain(words: str) -> str:
    """Return words that others chose as one printable line of bounded length."""
    return " ".join(cleaned_line(words[: WORDS * 2]).split())[:WORDS]
