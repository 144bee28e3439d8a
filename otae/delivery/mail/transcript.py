"""A conversation with a mail server, written down as it goes, without the secrets in it."""

import base64
import ssl
from dataclasses import dataclass, field
from typing import Any

import aiosmtplib

from otae.delivery.transport import plain

#: Longest conversation that is kept, in lines.
LINES = 120
#: What stands where a secret stood.
BLANK = "••••••"


@dataclass
class Conversation:
    """What was said: lines that begin with ">" (we), "<" (the server) or "*" (what happened), oldest first.

    ``secrets`` never appear in it, nor their base64. ``certificate``: what the server showed, as
    `ssl.SSLSocket.getpeercert` gives it; empty on a line in clear.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    said: list[str] = field(default_factory=list)
    certificate: dict[str, Any] = field(default_factory=dict)

    def add(self, who: str, words: str, at: int | None = None) -> None:
        """Write a line down, at its end or at place ``at``; an answer of several lines becomes several."""
        for line in reversed(words.splitlines()[:40]) if at is not None else words.splitlines()[:40]:
            if len(self.said) < LINES:
                self.said.insert(len(self.said) if at is None else at, f"{who} {plain(self._blanked(line))}")

    def _blanked(self, line: str) -> str:
        for secret in filter(None, self.secrets):
            for form in (secret, base64.b64encode(secret.encode()).decode()):
                line = line.replace(form, BLANK)
        return line


class TellingSMTP(aiosmtplib.SMTP):
    """A client that writes its conversation down."""

    def __init__(self, conversation: Conversation, **options: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(**options)
        self._conversation = conversation
        self._signing_in = False

    async def connect(self, **options: Any) -> aiosmtplib.SMTPResponse:  # noqa: ANN401 - passed through
        """Connect as told; the greeting stands first, TLS from the first byte before it."""
        began_with_tls = self.use_tls
        response = await super().connect(**options)
        self._conversation.add("<", _words(response), at=0)
        if began_with_tls:
            self._tell_tls(at=0)
        return response

    async def starttls(self, *args: Any, **options: Any) -> aiosmtplib.SMTPResponse:  # noqa: ANN401 - passed through
        """Begin TLS as told."""
        response = await super().starttls(*args, **options)
        self._conversation.add(">", "STARTTLS")
        self._conversation.add("<", _words(response))
        self._tell_tls()
        return response

    async def execute_command(self, *args: bytes, timeout: Any = None) -> aiosmtplib.SMTPResponse:  # noqa: ANN401, ASYNC109 - the library's own signature
        """Say one command and write down both sides of it; of a sign-in only how it is done."""
        signing_in = args[0].upper() == b"AUTH"
        if signing_in:
            shown = b" ".join((*args[:2], BLANK.encode())) if len(args) > 2 else b" ".join(args)
        else:
            shown = BLANK.encode() if self._signing_in else b" ".join(args)
        self._conversation.add(">", shown.decode(errors="replace"))
        named = {} if timeout is None else {"timeout": timeout}
        response = await super().execute_command(*args, **named)
        self._signing_in = response.code == 334
        self._conversation.add("<", f"334 {BLANK}" if self._signing_in else _words(response))
        return response

    def _tell_tls(self, at: int | None = None) -> None:
        agreed: ssl.SSLObject = self.get_transport_info("ssl_object")
        cipher = agreed.cipher()
        self._conversation.certificate = dict(agreed.getpeercert() or {})
        self._conversation.add("*", f"{agreed.version()} agreed, {cipher[0] if cipher else ''}", at=at)


def _words(response: aiosmtplib.SMTPResponse) -> str:
    return "\n".join(f"{response.code} {line}" for line in response.message.splitlines() or [""])


def certificate_names(certificate: dict[str, Any]) -> list[str]:
    """Return the host names and addresses that a certificate (of `getpeercert`) is for."""
    return [str(value) for kind, value in certificate.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}]
