"""A real SMTP server that keeps what it is given and, when told, answers badly or hangs up.

The stages at which it can be told to fail: ``CONNECT`` (instead of the greeting), ``MAIL``, ``RCPT``, ``DATA`` (after
the command, before the content's dot) and ``DOT`` (after the content is in hand).
"""

import asyncio
import email
import email.policy
import re
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

import pytest
import spnego
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, syntax
from spnego.exceptions import SpnegoError

from tests.servers.ports import Identity, in_thread, make_identity, wait_until

Security = Literal["none", "starttls", "tls"]
Stage = Literal["CONNECT", "MAIL", "RCPT", "DATA", "DOT"]
#: Instead of a reply: hang up without a word, or never answer.
DROP = "drop"
HANG = "hang"


@dataclass(frozen=True)
class Received:
    """One accepted message: the envelope, who had signed in, whether the line was encrypted, and the content."""

    sender: str
    recipients: tuple[str, ...]
    login: str | None
    encrypted: bool
    message: EmailMessage
    raw: bytes


@dataclass
class Fault:
    """What to do at a stage, and how many more times. ``only``: for addresses that end so, at MAIL and RCPT."""

    stage: Stage
    reply: str
    times: int
    only: str = ""


@dataclass
class SMTPServer:
    """A listening server. ``messages`` grows as mail is accepted; ``contents`` also holds what was then refused."""

    port: int
    security: Security
    ca_file: Path
    host: str = "127.0.0.1"
    user: str | None = None
    password: str | None = None
    #: Whether NTLM is the only way to sign in.
    ntlm: bool = False
    #: The ways to sign in that are offered otherwise.
    ways: Sequence[str] = ("LOGIN", "PLAIN")
    #: What may come with AUTH: "any", "initial" (the response must), "asked" (it must not), "ignored" (it is not read).
    dialect: str = "any"
    #: What every sign-in is answered with.
    refusal: str | None = None
    #: Whether a mailbox is signed in to by a token (XOAUTH2).
    takes_token: Callable[[str, str], bool] = lambda _mailbox, _token: False
    #: What NTLM is answered with instead of a challenge.
    challenge: str | None = None
    messages: list[Received] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    connections: int = 0
    faults: list[Fault] = field(default_factory=list)
    #: Cut every line that is open.
    hang_up: Callable[[], object] = lambda: None

    def answer(self, stage: Stage, reply: str, times: int = 1, *, only: str = "") -> None:
        """Give ``reply`` ("450 4.2.0 later", DROP or HANG) at ``stage`` for the next ``times`` visits.

        ``only``: to addresses that end so, at MAIL and RCPT.
        """
        self.faults.append(Fault(stage, reply, times, only))

    def fault(self, stage: Stage, address: str = "") -> str | None:
        """Take the next fault told for ``stage``; None when the server is to behave."""
        for fault in self.faults:
            if fault.stage == stage and fault.times > 0 and address.endswith(fault.only):
                fault.times -= 1
                return fault.reply
        return None

    def wait_for(self, count: int, seconds: float = 20) -> list[Received]:
        """Block until at least ``count`` messages were accepted; not for code on an event loop that sends them."""
        wait_until(lambda: len(self.messages) >= count, f"mail number {count}", seconds)
        return self.messages

    def to(self, address: str) -> list[Received]:
        """Give the messages for one recipient, oldest first."""
        return [received for received in self.messages if address in received.recipients]


_XOAUTH2 = rb"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01"


class Handler:
    """What aiosmtpd asks at each stage."""

    def __init__(self, server: SMTPServer) -> None:
        self.server = server

    async def auth_PLAIN(self, smtp: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd finds it by this name
        """Sign somebody in as RFC 4616 says, in the dialect this server speaks."""
        return await self._spoken(smtp, args) or await smtp.auth_PLAIN(smtp, args)

    async def auth_LOGIN(self, smtp: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - as above
        """Sign somebody in as Microsoft's programs began to, in the dialect this server speaks."""
        if self.server.dialect == "ignored":
            args = args[:1]
        return await self._spoken(smtp, args) or await smtp.auth_LOGIN(smtp, args)

    async def _spoken(self, smtp: SMTP, args: list[str]) -> AuthResult | None:
        """Refuse the form of AUTH that this server does not know, or all of them."""
        if self.server.refusal is not None:
            await smtp.push(self.server.refusal)
            return AuthResult(success=False, handled=True)
        if self.server.dialect == ("asked" if len(args) > 1 else "initial"):
            await smtp.push("501 5.5.4 Syntax error in parameters or arguments")
            return AuthResult(success=False, handled=True)
        return None

    async def auth_XOAUTH2(self, smtp: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - as above
        """Sign a mailbox in by a token, as Google and Microsoft document it."""
        if refused := await self._spoken(smtp, args):
            return refused
        given = b64decode(args[1]) if len(args) > 1 else await smtp.challenge_auth("")
        said = re.fullmatch(
            rb"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01", given if isinstance(given, bytes) else b""
        )
        if said is None:
            await smtp.push("501 5.5.2 Cannot decode response")
            return AuthResult(success=False, handled=True)
        mailbox, token = said[1].decode(), said[2].decode()
        self.server.logins.append(mailbox)
        if self.server.takes_token(mailbox, token):
            return AuthResult(success=True)
        assert await smtp.challenge_auth('{"status":"401","schemes":"bearer","scope":"mail"}') == b""
        return AuthResult(success=False, handled=False)

    async def auth_NTLM(self, smtp: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd finds it by this name
        """Sign somebody in as Microsoft's servers do (MS-SMTPNTLM), by a library of its own kind."""
        if self.server.challenge is not None:
            await smtp.challenge_auth("ntlm supported")
            await smtp.challenge_auth(self.server.challenge, encode_to_b64=False)
            return AuthResult(success=False, handled=False)
        with tempfile.NamedTemporaryFile("w") as users, pytest.MonkeyPatch.context() as patch:
            users.write("".join(f"{domain}:{self.server.user}:{self.server.password}\n" for domain in ("EXAMPLE", "")))
            users.flush()
            patch.setenv("NTLM_USER_FILE", users.name)
            context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            token = b"ntlm supported"
            try:
                while not context.complete:
                    given = await smtp.challenge_auth(token)
                    if not isinstance(given, bytes):
                        return AuthResult(success=False, handled=False)
                    token = context.step(given) or b""
            except SpnegoError:
                return AuthResult(success=False, handled=False)
        self.server.logins.append(context.client_principal or "")
        return AuthResult(success=True)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd finds it by this name
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = await fail(self.server, "MAIL", smtp, address)
        if reply is None or reply.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply or "250 2.1.0 sender taken"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = await fail(self.server, "RCPT", smtp, address)
        if reply is None or reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply or "250 2.1.5 recipient taken"

    async def handle_DATA(  # noqa: N802 - aiosmtpd finds it by this name
        self, smtp: SMTP, session: Session, envelope: Envelope
    ) -> str:
        raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        self.server.contents.append(raw)
        reply = await fail(self.server, "DOT", smtp)
        if reply is not None and not reply.startswith("2"):
            return reply
        message = email.message_from_bytes(raw, policy=email.policy.default)
        login = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else None
        encrypted = session.ssl is not None or self.server.security == "tls"
        recipients = tuple(envelope.rcpt_tos)
        self.server.messages.append(Received(envelope.mail_from or "", recipients, login, encrypted, message, raw))
        return reply or f"250 2.0.0 queued as {len(self.server.messages)}"


async def fail(server: SMTPServer, stage: Stage, smtp: SMTP, address: str = "") -> str | None:
    """Do what was told for this stage: None to go on, else the reply; DROP and HANG end the conversation here."""
    reply = server.fault(stage, address)
    if reply == HANG:
        await asyncio.sleep(3600)
    if reply == DROP:
        if isinstance(smtp.transport, asyncio.Transport):
            smtp.transport.abort()
        raise asyncio.CancelledError
    return reply


class FaultySMTP(SMTP):
    """aiosmtpd's server with two more places to fail: the greeting and the moment before the dot."""

    def __init__(self, server: SMTPServer, handler: Handler, **options: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(handler, **options)
        self.server = server

    async def _handle_client(self) -> None:
        self.server.connections += 1
        reply = await fail(self.server, "CONNECT", self)
        if reply is not None:
            await self.push(reply)
            return
        await super()._handle_client()

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds it by this name
        reply = self.server.fault("DATA")
        if reply == DROP and self._reader is not None:
            await self.push("354 go on")
            await self._reader.readline()
        if reply is None:
            await super().smtp_DATA(arg)
            return
        self.server.faults.insert(0, Fault("DATA", reply, 1))
        words = await fail(self.server, "DATA", self)
        await self.push(words or "451 4.3.0 later")


def conversation(server: SMTPServer, identity: Identity) -> FaultySMTP:
    """Make what answers one connection."""

    def check(smtp: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        server.logins.append(data.login.decode())
        right = (data.login.decode(), data.password.decode()) == (server.user, server.password)
        return AuthResult(success=right, handled=False, auth_data=data)

    starttls = identity.server_context() if server.security == "starttls" else None
    return FaultySMTP(
        server,
        Handler(server),
        hostname="mail.example.test",
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=check if server.user is not None else None,
        auth_required=server.user is not None,
        auth_require_tls=starttls is not None,
        auth_exclude_mechanism={"LOGIN", "PLAIN", "NTLM", "XOAUTH2"} - set(["NTLM"] if server.ntlm else server.ways),
        timeout=60,
    )


@contextmanager
def running(
    security: Security = "none",
    user: str | None = None,
    password: str | None = None,
    *,
    ntlm: bool = False,
    ways: Sequence[str] = ("LOGIN", "PLAIN"),
) -> Iterator[SMTPServer]:
    """Run a server until the block ends; with ``user`` it takes mail only after a sign-in, with ``ntlm`` by that."""
    with tempfile.TemporaryDirectory(prefix="otae-smtp-") as folder:
        identity = make_identity(Path(folder))
        server = SMTPServer(0, security, identity.ca_file, user=user, password=password, ntlm=ntlm, ways=ways)
        tls = identity.server_context() if security == "tls" else None
        conversations: list[FaultySMTP] = []

        async def listen() -> asyncio.Server:
            return await asyncio.get_running_loop().create_server(answer, server.host, 0, ssl=tls)

        def answer() -> FaultySMTP:
            conversations.append(conversation(server, identity))
            return conversations[-1]

        def hang_up() -> None:
            for one in conversations:
                if isinstance(one.transport, asyncio.Transport):
                    one.transport.abort()

        with in_thread(listen, "mail server", hang_up) as server.port:
            server.hang_up = lambda: conversations[0].loop.call_soon_threadsafe(hang_up)
            yield server


StartSMTP = Callable[..., SMTPServer]


@pytest.fixture
def start_smtp() -> Iterator[StartSMTP]:
    """Give ``start(security="none"|"starttls"|"tls", user=None, password=None)``; every server ends with the test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(running(*args, **options))


@pytest.fixture
def smtp_server() -> Iterator[SMTPServer]:
    """Run a plain server without sign-in for one test."""
    with running() as server:
        yield server
