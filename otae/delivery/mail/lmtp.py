"""The door for mail that comes back: LMTP (RFC 2033), spoken to by the mail server of the house and nobody else."""

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

#: Longest mail and longest line, in bytes.
LARGEST, LINE = 512 * 1024, 64 * 1024
#: Seconds a line may take; conversations at a time; recipients of one mail.
PATIENCE, AT_ONCE, RECIPIENTS = 60, 20, 20
#: What is said to every command that changes nothing here.
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
async def listening(desk: Desk) -> AsyncIterator[None]:
    """Listen where the server property mail.bounce.lmtp says, for the length of the block; nowhere when it is empty.

    A place that is taken (by another worker of this machine) or does not exist is logged: mail goes out all the same.
    """
    where = await properties.word("mail.bounce.lmtp")
    async with contextlib.AsyncExitStack() as stack:
        if where:
            host, _, port = where.rpartition(":")
            door = Door(desk)
            try:
                server = await asyncio.start_server(door.answer, host.strip("[]"), int(port), limit=LINE)
            except OSError as error:
                log.warning("nobody listens for bounces in this process", where=where, reason=error.strerror)
            else:
                stack.push_async_callback(door.close, server)
        yield


@dataclass
class _Mail:
    """What has been said about the next mail: whether it began, and whose return addresses it is for."""

    begun: bool = False
    about: list[UUID] = field(default_factory=list)


@dataclass
class Door:
    """Who answers the conversations of one listening place. ``talking``: those that go on."""

    desk: Desk
    talking: set[asyncio.Task[None]] = field(default_factory=set)

    async def close(self, server: asyncio.Server) -> None:
        """End every conversation, then the server itself."""
        server.close()
        for task in list(self.talking):
            task.cancel()
        await asyncio.gather(*self.talking, return_exceptions=True)
        await server.wait_closed()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation; whatever goes wrong ends it, and the other side tries again."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task; tells the type checker
        self.talking.add(task)
        try:
            if len(self.talking) > AT_ONCE:
                writer.write(b"421 4.3.2 too many at once\r\n")
                return
            writer.write(b"220 otae LMTP\r\n")
            await self._talk(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            log.info("a conversation about bounces broke off")
        except asyncio.CancelledError:
            writer.write(b"421 4.3.2 closing\r\n")
        finally:
            self.talking.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail = _Mail()
        while True:
            async with asyncio.timeout(PATIENCE):
                await writer.drain()
                line = (await reader.readuntil(b"\n")).decode("ascii", "replace").strip()
            verb = line[:4].upper()
            if verb == "DATA" and mail.about:
                writer.write(b"354 go on\r\n")
                replies, mail = await self._take(mail, await _content(reader)), _Mail()
            else:
                replies = [await self._reply(verb, line, mail)]
                mail = _Mail() if verb in {"LHLO", "RSET"} else mail
            writer.write("".join(f"{reply}\r\n" for reply in replies).encode())
            if verb == "QUIT":
                return

    async def _reply(self, verb: str, line: str, mail: _Mail) -> str:
        path = _PATH.fullmatch(line)
        if verb == "RCPT" and path and mail.begun:
            return await self._recipient(path[1], mail)
        if verb == "MAIL" and path and not mail.begun:
            mail.begun = True
            return "250 2.1.0 go on"
        return ANSWERS.get(verb, "500 5.5.2 this is LMTP")

    async def _recipient(self, address: str, mail: _Mail) -> str:
        if len(mail.about) >= RECIPIENTS:
            return "452 4.5.3 too many recipients"
        try:
            mail.about.append(await bounces.delivery_of(self.desk, address))
        except bounces.NoSuchAddress:
            return "550 5.1.1 no such return address"
        return "250 2.1.5 go on"

    async def _take(self, mail: _Mail, content: bytes | None) -> list[str]:
        """Answer for each recipient by itself, as LMTP has it."""
        replies = []
        for delivery_id in mail.about:
            if content is None:
                replies.append("552 5.3.4 too large")
                continue
            try:
                await bounces.take(delivery_id, content, now=await database.now())
            except bounces.TooEarly:
                replies.append("451 4.2.1 come again later")
            except Exception as error:  # noqa: BLE001 - whatever the database's trouble is, the report comes again
                log.warning("a bounce could not be recorded", reason=type(error).__name__)
                replies.append("451 4.3.0 come again later")
            else:
                replies.append("250 2.0.0 taken")
        return replies


async def _content(reader: asyncio.StreamReader) -> bytes | None:
    """Read a mail up to its dot; None when it was too large, read to its end all the same."""
    lines: list[bytes] = []
    size = 0
    while True:
        async with asyncio.timeout(PATIENCE):
            line = await reader.readuntil(b"\n")
        if line.rstrip(b"\r\n") == b".":
            return b"".join(lines) if size <= LARGEST else None
        size += len(line)
        if size <= LARGEST:
            lines.append(line.removeprefix(b"."))
