"""The pool of SMTP connections that stay open between messages, and the permits that bound how many are sent at a time.

Only a worker keeps connections (`keep_connections`); elsewhere each message is sent over a connection of its own.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiosmtplib

from otae.delivery.mail.smtp_connect import Endpoint, connect
from otae.delivery.mail.transcript import Transcript

State = TypeVar("State")

#: Seconds a connection stays open without a message; servers wait longer (RFC 5321 §4.5.3.2.7 asks for five minutes).
IDLE_SECONDS: float = 20
#: Messages sent over one connection before it is replaced: many servers close it after a hundred.
MESSAGES_PER_CONNECTION = 80
#: Seconds an idle connection has to show that it still answers.
CHECK_TIMEOUT = 5
#: Seconds for which a server that could not be reached is tried last.
AVOID_SECONDS = 60


@dataclass
class Connection:
    """A connection to a mail server.

    Attributes:
        messages: How many were sent over it.
        idle_since: When it became idle, as `time.monotonic` gives it.
        clean: The last message ended without an error.
        begun: MAIL was sent and accepted for the next message.
    """

    client: aiosmtplib.SMTP
    messages: int = 0
    idle_since: float = 0
    clean: bool = False
    begun: bool = False


@dataclass
class _WorkerPool:
    """The state of one worker: idle connections by endpoint, permits by server, and until when to avoid a server."""

    idle: dict[Endpoint, list[Connection]] = field(default_factory=dict)
    permits: dict[str, tuple[int, asyncio.Semaphore]] = field(default_factory=dict)
    avoided: dict[str, float] = field(default_factory=dict)
    closing: bool = False
    states: dict[str, Any] = field(default_factory=dict)


#: The worker of this process, if there is one.
_WORKERS: list[_WorkerPool] = []


@asynccontextmanager
async def keep_connections() -> AsyncIterator[None]:
    """Keep connections open during the block; all are closed at its end."""
    pool = _WorkerPool()
    _WORKERS.append(pool)
    closing = asyncio.create_task(_close_idle(pool))
    try:
        yield
    finally:
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        _WORKERS.remove(pool)
        await asyncio.gather(*(_quit(each.client) for idle in pool.idle.values() for each in idle))


@asynccontextmanager
async def send_permit(server: str, limit: int) -> AsyncIterator[None]:
    """Wait until this worker is sending fewer than ``limit`` messages to the notification server named ``server``."""
    if not _WORKERS:
        yield
        return
    permits = _WORKERS[-1].permits
    if server not in permits or permits[server][0] != limit:
        permits[server] = (limit, asyncio.Semaphore(limit))
    async with permits[server][1]:
        yield


def worker_state(name: str, make: Callable[[], State]) -> State:
    """Return the object that the worker keeps as ``name``, made at the first call; a new one without a worker."""
    return _WORKERS[-1].states.setdefault(name, make()) if _WORKERS else make()


def close_soon() -> None:
    """Let the worker of this process claim no further messages; those it has are still sent."""
    if _WORKERS:
        _WORKERS[-1].closing = True


def is_closing() -> bool:
    """Return whether the worker of this process claims no further messages."""
    return bool(_WORKERS) and _WORKERS[-1].closing


def avoid(server: str) -> None:
    """Remember that ``server`` could not be reached: for a minute other servers are tried before it."""
    if _WORKERS:
        _WORKERS[-1].avoided[server] = time.monotonic() + AVOID_SECONDS


def is_avoided(server: str) -> bool:
    """Return whether ``server`` could not be reached within the last minute."""
    return bool(_WORKERS) and _WORKERS[-1].avoided.get(server, 0) > time.monotonic()


@asynccontextmanager
async def connection(
    endpoint: Endpoint, sender: str, transcript: Transcript | None = None
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
    taken = None if transcript is not None else await _take_idle(endpoint, sender)
    if taken is None:
        taken = Connection(
            await connect(endpoint, transcript), messages=0 if transcript is None else MESSAGES_PER_CONNECTION
        )
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
        await _put_back(endpoint, taken, usable=usable)


async def _take_idle(endpoint: Endpoint, sender: str) -> Connection | None:
    """Take an idle connection that still answers: to MAIL, or to RSET when its last message was refused."""
    while _WORKERS and (idle := _WORKERS[-1].idle.get(endpoint)):
        taken = idle.pop()
        try:
            if taken.clean:
                await taken.client.mail(sender, timeout=CHECK_TIMEOUT)
            else:
                await taken.client.rset(timeout=CHECK_TIMEOUT)
            taken.begun = taken.clean
        except aiosmtplib.SMTPSenderRefused as error:
            if error.code != 421:  # an answer to this message, not about the connection
                await _put_back(endpoint, taken, usable=True)
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


async def _put_back(endpoint: Endpoint, taken: Connection, *, usable: bool) -> None:
    if not usable or not taken.client.is_connected:
        taken.client.close()
    elif _WORKERS and taken.messages < MESSAGES_PER_CONNECTION:
        taken.idle_since = time.monotonic()
        _WORKERS[-1].idle.setdefault(endpoint, []).append(taken)
    else:
        await _quit(taken.client)


async def _close_idle(pool: _WorkerPool) -> None:
    while True:
        await asyncio.sleep(IDLE_SECONDS / 4)
        old = time.monotonic() - IDLE_SECONDS
        for endpoint, idle in list(pool.idle.items()):
            stale = [one for one in idle if one.idle_since <= old]
            pool.idle[endpoint] = [one for one in idle if one.idle_since > old]
            if not pool.idle[endpoint]:
                del pool.idle[endpoint]
            for one in stale:
                await _quit(one.client)


async def _quit(client: aiosmtplib.SMTP) -> None:
    """Send QUIT and close, whether or not the server answers."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=2)
    client.close()
