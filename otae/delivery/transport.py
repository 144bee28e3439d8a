"""The transport interface: sending a message, its receipt, and the errors by which sending fails."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from otae.errors import OtaeError
from otae.text import cleaned_line

Message_contra = TypeVar("Message_contra", contravariant=True)

#: Longest server answer that is kept, in characters.
MAX_WORDS = 300


class NotSent(OtaeError):
    """A message was not sent. The text is for administrators: the server's own words if it gave some."""

    def __init__(self, words: str) -> None:
        super().__init__(plain(words))


class PermanentlyRefused(NotSent):
    """The server refused this message or its recipient; a retry cannot help."""


class TemporaryFailure(NotSent):
    """A temporary error, or one in the server's settings; the message is retried later."""


class Unreachable(TemporaryFailure):
    """The server cannot be reached or refuses the sign-in; a standby server may send the message instead."""


class ServerRefused(Unreachable):
    """The server refuses every message with its present settings, such as the sender; administrators are notified."""


class PolicyRefused(NotSent):
    """The server's policy refuses this recipient, or every recipient: its answer for another domain tells which."""


class Superseded(NotSent):
    """The message became obsolete while it was being sent, and its end was not sent."""


class OutcomeUnknown(NotSent):
    """The connection was lost after the whole message was sent: it may have arrived."""


@dataclass(frozen=True)
class Receipt:
    """The server's words when it accepted the message. ``tls``: version and cipher, "" without TLS."""

    words: str
    tls: str = ""


#: Awaited before the end of a message is sent: from then on the outcome may stay unknown.
BeforeEnd = Callable[[], Awaitable[None]]


async def note_nothing() -> None:
    """Do nothing, as the ``before_end`` of a test, a draft or a request that may simply be sent again."""


class Transport(Protocol[Message_contra]):
    """Sends messages: of type Mail, or str for text messages."""

    @property
    def name(self) -> str:
        """Its name in the timeline."""

    async def send(self, message: Message_contra, recipient: str, before_end: BeforeEnd) -> Receipt:
        """Send ``message`` to ``recipient``; raises subclasses of NotSent and nothing else."""


def plain(words: str) -> str:
    """Return words from elsewhere as one printable line of at most MAX_WORDS characters."""
    return " ".join(cleaned_line(words[: MAX_WORDS * 2]).split())[:MAX_WORDS]
