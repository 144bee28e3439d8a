"""Lines to notification servers that stay open between messages, and how many of them a process may have at a time.

Only a worker keeps lines (`kept_open`); whoever sends outside of one dials, sends and hangs up.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiosmtplib

from otae.delivery.mail.smtp_connect import Dialled, dial
from otae.delivery.mail.transcript import Conversation

Thing = TypeVar("Thing")

#: Seconds a line stays open without a message; shorter than servers wait (RFC 5321 §4.5.3.2.7 asks for five minutes).
IDLE: float = 20
#: Messages a line carries before it is dialled anew: many servers hang up after a hundred.
CARRIES = 80
#: Seconds the look takes whether a line that was kept still answers.
LOOK = 5
#: Seconds for which a server that could not be reached is asked last.
AVOIDED = 60


@dataclass
class Line:
    """A line to a server. ``begun``: MAIL was said and taken; ``clean``: the last message ended well."""

    client: aiosmtplib.SMTP
    carried: int = 0
    since: float = 0
    clean: bool = False
    begun: bool = False


@dataclass
class _Kept:
    """What one worker keeps: idle lines by where they lead, places by server, servers to be asked last."""

    idle: dict[Dialled, list[Line]] = field(default_factory=dict)
    places: dict[str, tuple[int, asyncio.Semaphore]] = field(default_factory=dict)
    avoided: dict[str, float] = field(default_factory=dict)
    closing: bool = False
    rounds: dict[str, Any] = field(default_factory=dict)


#: The worker of this process, if there is one.
_WORKERS: list[_Kept] = []


@asynccontextmanager
async def kept_open() -> AsyncIterator[None]:
    """Keep lines open for the length of the block; all are closed at its end."""
    kept = _Kept()
    _WORKERS.append(kept)
    closing = asyncio.create_task(_close_idle(kept))
    try:
        yield
    finally:
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        _WORKERS.remove(kept)
        await asyncio.gather(*(_hang_up(line.client) for lines in kept.idle.values() for line in lines))


@asynccontextmanager
async def place(server: str, limit: int) -> AsyncIterator[None]:
    """Wait until fewer than ``limit`` messages are on their way to ``server`` (a name of ours) in this worker."""
    if not _WORKERS:
        yield
        return
    places = _WORKERS[-1].places
    if server not in places or places[server][0] != limit:
        places[server] = (limit, asyncio.Semaphore(limit))
    async with places[server][1]:
        yield


def kept(name: str, make: Callable[[], Thing]) -> Thing:
    """Return what the worker of this process keeps under ``name``, made when first asked for; anew without a worker."""
    return _WORKERS[-1].rounds.setdefault(name, make()) if _WORKERS else make()


def close_soon() -> None:
    """Let the worker of this process take no further messages: those it has are still sent."""
    if _WORKERS:
        _WORKERS[-1].closing = True


def is_closing() -> bool:
    """Tell whether the worker of this process takes no further messages."""
    return bool(_WORKERS) and _WORKERS[-1].closing


def avoid(server: str) -> None:
    """Remember that ``server`` could not be reached: for a minute the others are asked before it."""
    if _WORKERS:
        _WORKERS[-1].avoided[server] = time.monotonic() + AVOIDED


def is_avoided(server: str) -> bool:
    """Tell whether ``server`` could not be reached a moment ago."""
    return bool(_WORKERS) and _WORKERS[-1].avoided.get(server, 0) > time.monotonic()


@asynccontextmanager
async def line(dialled: Dialled, sender: str, conversation: Conversation | None = None) -> AsyncIterator[Line]:
    """Give a line for a mail from ``sender``: one that was kept and still answers, else a new one.

    Raises as `dial`, and SMTPSenderRefused when a kept line's server does not take mail from ``sender``. With
    ``conversation`` it is a new one, written down there and hung up afterwards.

    A kept line that died is replaced without a word: nothing of the message had been said on it yet. Afterwards the
    line is kept, unless it broke, or was left in the middle of a message.
    """
    taken = None if conversation is not None else await _still_answering(dialled, sender)
    if taken is None:
        taken = Line(await dial(dialled, conversation), carried=0 if conversation is None else CARRIES)
    usable, taken.clean = False, False
    try:
        yield taken
        usable = taken.clean = True
    except aiosmtplib.SMTPResponseException as error:
        usable = error.code != 421
        raise
    finally:
        taken.carried += 1
        taken.begun = False
        await _put_back(dialled, taken, usable=usable)


async def _still_answering(dialled: Dialled, sender: str) -> Line | None:
    """Take a kept line that answers: RSET where an earlier refusal left something half said, else MAIL itself."""
    while _WORKERS and (idle := _WORKERS[-1].idle.get(dialled)):
        taken = idle.pop()
        try:
            if taken.clean:
                await taken.client.mail(sender, timeout=LOOK)
            else:
                await taken.client.rset(timeout=LOOK)
            taken.begun = taken.clean
        except aiosmtplib.SMTPSenderRefused as error:
            if error.code != 421:  # an answer to this message, not about the line
                await _put_back(dialled, taken, usable=True)
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


async def _put_back(dialled: Dialled, taken: Line, *, usable: bool) -> None:
    if not usable or not taken.client.is_connected:
        taken.client.close()
    elif _WORKERS and taken.carried < CARRIES:
        taken.since = time.monotonic()
        _WORKERS[-1].idle.setdefault(dialled, []).append(taken)
    else:
        await _hang_up(taken.client)


async def _close_idle(kept: _Kept) -> None:
    while True:
        await asyncio.sleep(IDLE / 4)
        old = time.monotonic() - IDLE
        for dialled, lines in list(kept.idle.items()):
            stale = [one for one in lines if one.since <= old]
            kept.idle[dialled] = [one for one in lines if one.since > old]
            if not kept.idle[dialled]:
                del kept.idle[dialled]
            for one in stale:
                await _hang_up(one.client)


async def _hang_up(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; a server that does not answer it loses nothing."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=2)
    client.close()
