"""The transcript of a conversation with a server, recorded line by line without its secrets."""

import base64
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import aiosmtplib

from otae.delivery.transport import plain

#: Most lines of a transcript.
MAX_LINES = 120
#: The replacement for a secret.
REDACTED = "••••••"


@dataclass
class Transcript:
    """The lines of a conversation, oldest first.

    Attributes:
        secrets: Neither they nor their base64 appear in the lines.
        lines: Each begins with ">" (sent), "<" (received) or "*" (what happened).
        certificate: The server's, as `ssl.SSLSocket.getpeercert` gives it; empty without TLS.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    lines: list[str] = field(default_factory=list)
    certificate: dict[str, Any] = field(default_factory=dict)

    def add(self, who: str, words: str, at: int | None = None) -> None:
        """Append a line for each line of ``words``, or insert them at index ``at``; ``who``: ">", "<" or "*"."""
        for line in reversed(words.splitlines()[:40]) if at is not None else words.splitlines()[:40]:
            if len(self.lines) < MAX_LINES:
                self.lines.insert(len(self.lines) if at is None else at, f"{who} {plain(redact(line, self.secrets))}")


def redact(words: str, secrets: Iterable[str]) -> str:
    """Return ``words`` without ``secrets`` and their base64."""
    forms = [form for secret in secrets if secret for form in (secret, base64.b64encode(secret.encode()).decode())]
    for form in sorted(forms, key=len, reverse=True):  # a short one may be part of a longer one
        words = words.replace(form, REDACTED)
    return words


class RecordingSMTP(aiosmtplib.SMTP):
    """An SMTP client that records its conversation."""

    def __init__(self, transcript: Transcript, **options: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(**options)
        self._transcript = transcript
        self._signing_in = False

    async def connect(self, **options: Any) -> aiosmtplib.SMTPResponse:  # noqa: ANN401 - passed through
        """Connect and record the greeting; implicit TLS is recorded before it."""
        began_with_tls = self.use_tls
        response = await super().connect(**options)
        self._transcript.add("<", _answer_lines(response), at=0)
        if began_with_tls:
            self._record_tls(at=0)
        return response

    async def starttls(self, *args: Any, **options: Any) -> aiosmtplib.SMTPResponse:  # noqa: ANN401 - passed through
        """Begin TLS and record it."""
        response = await super().starttls(*args, **options)
        self._transcript.add(">", "STARTTLS")
        self._transcript.add("<", _answer_lines(response))
        self._record_tls()
        return response

    async def execute_command(self, *args: bytes, timeout: Any = None) -> aiosmtplib.SMTPResponse:  # noqa: ANN401, ASYNC109 - the library's own signature
        """Send a command and record it with its answer; of a sign-in only the mechanism."""
        signing_in = args[0].upper() == b"AUTH"
        if signing_in:
            shown = b" ".join((*args[:2], REDACTED.encode())) if len(args) > 2 else b" ".join(args)
        else:
            shown = REDACTED.encode() if self._signing_in else b" ".join(args)
        self._transcript.add(">", shown.decode(errors="replace"))
        named = {} if timeout is None else {"timeout": timeout}
        response = await super().execute_command(*args, **named)
        self._signing_in = response.code == 334
        self._transcript.add("<", f"334 {REDACTED}" if self._signing_in else _answer_lines(response))
        return response

    def _record_tls(self, at: int | None = None) -> None:
        agreed: ssl.SSLObject = self.get_transport_info("ssl_object")
        cipher = agreed.cipher()
        self._transcript.certificate = dict(agreed.getpeercert() or {})
        self._transcript.add("*", f"{agreed.version()} agreed, {cipher[0] if cipher else ''}", at=at)


def _answer_lines(response: aiosmtplib.SMTPResponse) -> str:
    return "\n".join(f"{response.code} {line}" for line in response.message.splitlines() or [""])


def certificate_names(certificate: dict[str, Any]) -> list[str]:
    """Return the host names and addresses in a certificate, as `getpeercert` gives it."""
    return [str(value) for kind, value in certificate.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}]
