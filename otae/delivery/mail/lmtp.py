"""The LMTP server (RFC 2033) that receives bounces from the installation's own mail server."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from otae.delivery.mail import bounces
from otae.store import database, properties
from otae.store.desk import Desk

#: Largest mail and longest line, in bytes.
MAX_MAIL, MAX_LINE = 512 * 1024, 64 * 1024
#: Seconds a line may take; most conversations at a time; most recipients of one mail.
LINE_TIMEOUT, MAX_CONVERSATIONS, MAX_RECIPIENTS = 60, 20, 20
#: Replies to commands that change nothing here.
ANSWERS = {
    "LHLO": "250-otae\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME",
    "RSET": "250 2.0.0 fine",
    "NOOP": "250 2.0.0 fine",
    "QUIT": "221 2.0.0 goodbye",
    **dict.fromkeys(("MAIL", "RCPT", "DATA"), "503 5.5.1 not in this order"),
}
_PATH = re.compile(r"(?:MAIL FROM|RCPT TO):\s*<([^<>]*)>.*", re.IGNORECASE)

log = structlog.get_logger("otae.delivery")


@asynccontextmanager
async def lmtp_listener(desk: Desk) -> AsyncIterator[None]:
    """Listen at the address in the server property mail.bounce.lmtp during the block; nowhere when it is empty.

    An address that is in use (by another worker of this machine) or does not exist is logged; mail is still sent.
    """
    where = await properties.word("mail.bounce.lmtp")
    async with contextlib.AsyncExitStack() as stack:
        if where:
            host, _, port = where.rpartition(":")
            lmtp = LmtpServer(desk)
            try:
                server = await asyncio.start_server(lmtp.serve, host.strip("[]"), int(port), limit=MAX_LINE)
            except OSError as error:
                log.warning("nobody listens for bounces in this process", where=where, reason=error.strerror)
            else:
                stack.push_async_callback(lmtp.close, server)
        yield


@dataclass
class _Envelope:
    """The envelope of the next mail. ``begun``: MAIL was accepted; ``about``: deliveries its recipients belong to."""

    begun: bool = False
    about: list[UUID] = field(default_factory=list)


@dataclass
class LmtpServer:
    """Serves the conversations of one listening address. ``conversations``: tasks of those in progress."""

    desk: Desk
    conversations: set[asyncio.Task[None]] = field(default_factory=set)

    async def close(self, server: asyncio.Server) -> None:
        """End every conversation, then the listener."""
        server.close()
        for task in list(self.conversations):
            task.cancel()
        await asyncio.gather(*self.conversations, return_exceptions=True)
        await server.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one conversation; any error ends it, and the client tries again."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task; for the type checker
        self.conversations.add(task)
        try:
            if len(self.conversations) > MAX_CONVERSATIONS:
                writer.write(b"421 4.3.2 too many at once\r\n")
                return
            writer.write(b"220 otae LMTP\r\n")
            await self._converse(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            log.info("a conversation about bounces broke off")
        except asyncio.CancelledError:
            writer.write(b"421 4.3.2 closing\r\n")
        finally:
            self.conversations.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail = _Envelope()
        while True:
            async with asyncio.timeout(LINE_TIMEOUT):
                await writer.drain()
                line = (await reader.readuntil(b"\n")).decode("ascii", "replace").strip()
            verb = line[:4].upper()
            if verb == "DATA" and mail.about:
                writer.write(b"354 go on\r\n")
                replies, mail = await self._accept(mail, await _content(reader)), _Envelope()
            else:
                replies = [await self._reply(verb, line, mail)]
                mail = _Envelope() if verb in {"LHLO", "RSET"} else mail
            writer.write("".join(f"{reply}\r\n" for reply in replies).encode())
            if verb == "QUIT":
                return

    async def _reply(self, verb: str, line: str, mail: _Envelope) -> str:
        path = _PATH.fullmatch(line)
        if verb == "RCPT" and path and mail.begun:
            return await self._recipient(path[1], mail)
        if verb == "MAIL" and path and not mail.begun:
            mail.begun = True
            return "250 2.1.0 go on"
        return ANSWERS.get(verb, "500 5.5.2 this is LMTP")

    async def _recipient(self, address: str, mail: _Envelope) -> str:
        if len(mail.about) >= MAX_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        try:
            mail.about.append(await bounces.delivery_for_address(self.desk, address))
        except bounces.UnknownReturnAddress:
            return "550 5.1.1 no such return address"
        return "250 2.1.5 go on"

    async def _accept(self, mail: _Envelope, content: bytes | None) -> list[str]:
        """Process a mail and return one reply for each recipient (RFC 2033 §4.2)."""
        replies = []
        for delivery_id in mail.about:
            if content is None:
                replies.append("552 5.3.4 too large")
                continue
            try:
                await bounces.process_report(delivery_id, content, now=await database.now())
            except bounces.TooEarly:
                replies.append("451 4.2.1 come again later")
            except Exception as error:  # noqa: BLE001 - whatever fails in the database, the report comes again
                log.warning("a bounce could not be recorded", reason=type(error).__name__)
                replies.append("451 4.3.0 come again later")
            else:
                replies.append("250 2.0.0 taken")
        return replies


async def _content(reader: asyncio.StreamReader) -> bytes | None:
    """Read a mail up to its final dot; None when it is too large, after reading all of it."""
    lines: list[bytes] = []
    size = 0
    while True:
        async with asyncio.timeout(LINE_TIMEOUT):
            line = await reader.readuntil(b"\n")
        if line.rstrip(b"\r\n") == b".":
            return b"".join(lines) if size <= MAX_MAIL else None
        size += len(line)
        if size <= MAX_MAIL:
            lines.append(line.removeprefix(b"."))
