"""SMTP connections that stay open between messages.

Only a worker keeps connections (`SmtpPool.keep_connections`); elsewhere each message is sent over a connection of its
own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

import aiosmtplib

from otae.connection_pool import ConnectionPool
from otae.delivery.mail.oauth import TokenCache
from otae.delivery.mail.smtp_connect import Endpoint, connect
from otae.delivery.mail.transcript import Transcript

#: Seconds a connection stays open without a message; servers wait longer (RFC 5321 §4.5.3.2.7 asks for five minutes).
IDLE_SECONDS: float = 20
#: Messages sent over one connection before it is replaced: many servers close it after a hundred.
MESSAGES_PER_CONNECTION = 80
#: Seconds an idle connection has to show that it still answers.
CHECK_TIMEOUT = 5


@dataclass
class Connection:
    """A connection to a mail server.

    Attributes:
        messages: How many were sent over it.
        clean: The last message ended without an error.
        begun: MAIL was sent and accepted for the next message.
    """

    client: aiosmtplib.SMTP
    messages: int = 0
    clean: bool = False
    begun: bool = False


class SmtpPool:
    """The SMTP connections of this process, and the access tokens that it signs in with."""

    def __init__(self) -> None:
        self.tokens = TokenCache()
        self._kept: ConnectionPool[Connection] | None = None

    @asynccontextmanager
    async def keep_connections(self) -> AsyncIterator[None]:
        """Keep connections open during the block; all are closed at its end."""
        kept: ConnectionPool[Connection] = ConnectionPool(idle_seconds=IDLE_SECONDS)
        self._kept = kept
        closing = asyncio.create_task(_close_old(kept))
        try:
            yield
        finally:
            closing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await closing
            self._kept = None
            await _quit(kept.take_all())

    def permit(self, server: str, limit: int) -> AbstractAsyncContextManager[object]:
        """Return the permit to hold while one message is sent to the notification server named ``server``.

        At most ``limit`` are held at a time; there is no limit while no connections are kept.
        """
        return self._kept.limit(server, limit) if self._kept else nullcontext()

    def avoid(self, server: str) -> None:
        """Remember that ``server`` could not be reached: for a minute other servers are tried before it."""
        if self._kept:
            self._kept.avoid(server)

    def is_avoided(self, server: str) -> bool:
        """Return whether ``server`` could not be reached within the last minute."""
        return self._kept is not None and self._kept.is_avoided(server)

    @asynccontextmanager
    async def connection(
        self, endpoint: Endpoint, sender: str, transcript: Transcript | None = None
    ) -> AsyncIterator[Connection]:
        """Open a connection for a mail from ``sender``: an idle one that still answers, else a new one.

        An idle connection that was lost is replaced: nothing of the message had been sent over it. Afterwards the
        connection is kept, unless it was lost or left in the middle of a message.

        Args:
            transcript: If given, a new connection is made, recorded there and closed afterwards.

        Raises:
            Unreachable: As `connect`.
            SMTPSenderRefused: The server of an idle connection refuses ``sender``.
        """
        taken = None if transcript is not None else await self._take_idle(endpoint, sender)
        if taken is None:
            messages = 0 if transcript is None else MESSAGES_PER_CONNECTION
            taken = Connection(await connect(endpoint, self.tokens, transcript), messages)
        usable, taken.clean = False, False
        try:
            yield taken
            usable = taken.clean = True
        except aiosmtplib.SMTPResponseException as error:
            usable = error.code != 421
            raise
        finally:
            taken.messages += 1
            taken.begun = False
            await self._put_back(endpoint, taken, usable=usable)

    async def _take_idle(self, endpoint: Endpoint, sender: str) -> Connection | None:
        """Take an idle connection that still answers: to MAIL, or to RSET when its last message was refused."""
        while self._kept and (taken := self._kept.take(endpoint)):
            try:
                if taken.clean:
                    await taken.client.mail(sender, timeout=CHECK_TIMEOUT)
                else:
                    await taken.client.rset(timeout=CHECK_TIMEOUT)
                taken.begun = taken.clean
            except aiosmtplib.SMTPSenderRefused as error:
                if error.code != 421:  # an answer to this message, not about the connection
                    await self._put_back(endpoint, taken, usable=True)
                    raise
                taken.client.close()
            except (aiosmtplib.SMTPException, OSError):
                taken.client.close()
            except BaseException:
                taken.client.close()
                raise
            else:
                return taken
        return None

    async def _put_back(self, endpoint: Endpoint, taken: Connection, *, usable: bool) -> None:
        if not usable or not taken.client.is_connected:
            taken.client.close()
        elif self._kept and taken.messages < MESSAGES_PER_CONNECTION:
            self._kept.put_back(endpoint, taken)
        else:
            await _quit([taken])


async def _close_old(kept: ConnectionPool[Connection]) -> None:
    while True:
        await asyncio.sleep(IDLE_SECONDS / 4)
        await _quit(kept.take_old())


async def _quit(connections: Iterable[Connection]) -> None:
    """Send QUIT and close, whether or not the servers answer."""

    async def quit_one(client: aiosmtplib.SMTP) -> None:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=2)
        client.close()

    await asyncio.gather(*(quit_one(each.client) for each in connections))
