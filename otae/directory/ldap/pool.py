"""Lines to a directory's servers: reached, encrypted, signed in, kept between questions, and given up when they hang.

ldap3 waits for answers, so that every question is asked in a thread. A directory has eight of them at most: one that is
slow keeps neither another nor any other request waiting.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from otae import outgoing
from otae.directory.ldap.connection import Dialled, Line, open_line
from otae.directory.ldap.results import SILENT, Unreached
from otae.errors import AddressRefused, DirectoryUnavailable
from otae.outgoing import Address
from otae.store.desk import Desk
from otae.store.models import DirectoryServer

Result = TypeVar("Result")

#: Purpose of a directory's sealed bind password.
PASSWORD: Final = "directory.password"  # noqa: S105 - a purpose, not a password
#: Questions that one directory is asked at a time, in this process; and all directories together.
AT_ONCE: Final = 8
THREADS: Final = 32
#: A question takes as many of the directory's time limits, servers that do not answer included; never more seconds.
LIMITS, LONGEST = 3, 18.0
#: Seconds an idle line is kept for the next question, and how many of them.
IDLE, KEPT = 30.0, 4
#: Seconds for which a server that could not be reached is asked last.
AVOIDED = 60.0
#: What is the server's own trouble: another one may do better.
SERVER_TROUBLE: Final = frozenset({"resolve", "connect", "tls", "answer"})


@dataclass
class _Kept:
    """What this process keeps: idle lines with since when, and servers to be asked last with until when."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    idle: dict[tuple[Dialled, str], list[tuple[float, Line]]] = field(default_factory=dict)
    avoided: dict[tuple[str, int], float] = field(default_factory=dict)


@dataclass
class _Held:
    """The line that a thread uses now, for whoever gives up waiting for it."""

    line: Line | None = None
    given_up: bool = False

    def hold(self, line: Line) -> None:
        self.line = line
        if self.given_up:
            line.cut()

    def give_up(self) -> None:
        self.given_up = True
        if self.line:
            self.line.cut()


_KEPT: Final = _Kept()
_THREADS: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="directory")
_GATES: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Dialled, asyncio.Semaphore]]" = WeakKeyDictionary()


def dialled(desk: Desk, row: DirectoryServer, *, port: int | None = None) -> Dialled:
    """Return what it takes to reach the directory of ``row``; ``port``: another one than its own."""
    sealed = row.bind_password_sealed
    return Dialled(
        hosts=tuple(host for host in (row.primary_host, row.secondary_host) if host),
        port=port or row.port,
        security=row.security,
        ca_pem=row.ca_pem,
        bind_name=row.bind_name,
        password=desk.vault.open(bytes(sealed), row.id, PASSWORD).decode() if sealed else "",
        timeout=row.timeout,
        loopback=desk.settings.embedded or desk.settings.allow_private,
    )


async def ask(
    where: Dialled, work: Callable[[Line], Result], *, fresh: bool = False, longest: float | None = None
) -> Result:
    """Do ``work`` in a thread with a signed-in line and return what it returns; DirectoryUnavailable.

    A kept line that died, and a server that cannot be reached, are replaced by the next without a word. ``fresh``: on a
    line of its own that is signed in nowhere and hung up afterwards. ``longest``: seconds, instead of the usual limit.
    """
    limit = longest or min(LONGEST, where.timeout * LIMITS)
    try:
        async with asyncio.timeout(limit):
            return await _ask(where, work, fresh=fresh)
    except TimeoutError:
        reason = SILENT
    except Unreached as error:
        reason = f"{error.step}: {error}"
    raise DirectoryUnavailable(reason)


def hang_up(where: Dialled | None = None) -> None:
    """Close the lines that are kept idle: all, or those to one directory; and forget which servers were away."""
    with _KEPT.lock:
        keys = [key for key in _KEPT.idle if where in {None, key[0]}]
        lines = [line for key in keys for _, line in _KEPT.idle.pop(key, [])]
        _KEPT.avoided.clear()
    for line in lines:
        line.close()


async def _ask(where: Dialled, work: Callable[[Line], Result], *, fresh: bool) -> Result:
    failure = Unreached("resolve", "no host")
    for host in _by_hope(where):
        try:
            return await _ask_host(where, host, work, fresh=fresh)
        except Unreached as error:
            if error.step not in SERVER_TROUBLE:
                raise
            failure = error
            with _KEPT.lock:
                _KEPT.avoided[host, where.port] = time.monotonic() + AVOIDED
    raise failure


async def _ask_host(where: Dialled, host: str, work: Callable[[Line], Result], *, fresh: bool) -> Result:
    """Work with a kept line to ``host``, else with a new one.

    Lines that died are thrown away. One that is silent costs its time once: there is enough left for another server,
    or, where there is none, for a new line, because a firewall may have forgotten the old one.
    """
    while not fresh and (kept := _take(where, host)) is not None:
        try:
            return await _in_thread(where, partial(_use, where, kept, work))
        except Unreached as error:
            if error.step not in SERVER_TROUBLE:
                raise
            if str(error) == SILENT:
                _throw_away(where, host)
                if len(where.hosts) > 1:
                    raise
    addresses = await _resolve(where, host)
    return await _in_thread(where, partial(_fresh, where, (host, addresses), work, unsigned=fresh))


async def _resolve(where: Dialled, host: str) -> list[Address]:
    try:
        return await outgoing.resolve(host, where.port, private=True, loopback=where.loopback)
    except AddressRefused as error:
        raise Unreached("resolve", f"{host}: {error.words}") from None
    except OSError:
        raise Unreached("resolve", f"{host}: the name does not resolve") from None


async def _in_thread(where: Dialled, work: Callable[[_Held], Result]) -> Result:
    """Do ``work`` in a thread when it is its turn; whoever gives up cuts the line, which ends the thread's waiting."""
    loop = asyncio.get_running_loop()
    gate = _GATES.setdefault(loop, {}).setdefault(where, asyncio.Semaphore(AT_ONCE))
    await gate.acquire()
    held = _Held()
    future = loop.run_in_executor(_THREADS, work, held)

    def done(ended: "asyncio.Future[Result]") -> None:
        gate.release()
        if not ended.cancelled():
            ended.exception()  # looked at, so that nobody is told that nobody did

    future.add_done_callback(done)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        held.give_up()
        raise


def _fresh(
    where: Dialled,
    server: tuple[str, list[Address]],
    work: Callable[[Line], Result],
    held: _Held,
    *,
    unsigned: bool,
) -> Result:
    """Work with a new line to one server; ``unsigned``: nobody signs in on it, and it is not kept."""
    host, addresses = server
    line = None
    failure = Unreached("connect", "no address")
    for address in addresses:
        try:
            line = open_line(where, host, str(address.where[0]), held.hold)
            break
        except Unreached as error:
            failure = error
            if error.step == "tls" or held.given_up:
                break
    if line is None:
        raise failure
    try:
        if not unsigned:
            line.sign_in(where.bind_name, where.password.encode())
    except BaseException:
        line.close()
        raise
    return _use(where, line, work, held, keep=not unsigned)


def _use(where: Dialled, line: Line, work: Callable[[Line], Result], held: _Held, *, keep: bool = True) -> Result:
    """Work with a line; it is kept afterwards unless it broke, is not to be, or nobody waits any more."""
    held.hold(line)
    broken = False
    try:
        return work(line)
    except Unreached as error:
        broken = error.step in SERVER_TROUBLE
        raise
    except BaseException:
        broken = True
        raise
    finally:
        if keep and not broken and not held.given_up:
            _put_back(where, line)
        else:
            line.close()


def _take(where: Dialled, host: str) -> Line | None:
    """Take the line to ``host`` that was used last, and close what has been idle for too long, whichever server's."""
    now = time.monotonic()
    old: list[Line] = []
    with _KEPT.lock:
        for each in where.hosts:
            idle = _KEPT.idle.get((where, each), [])
            old += [line for since, line in idle if since + IDLE <= now]
            idle[:] = [kept for kept in idle if kept[0] + IDLE > now]
        ready = _KEPT.idle.get((where, host))
        taken = ready.pop()[1] if ready else None
    for line in old:
        line.close()
    return taken


def _throw_away(where: Dialled, host: str) -> None:
    with _KEPT.lock:
        lines = [line for _, line in _KEPT.idle.pop((where, host), [])]
    for line in lines:
        line.cut()
        line.close()


def _put_back(where: Dialled, line: Line) -> None:
    with _KEPT.lock:
        idle = _KEPT.idle.setdefault((where, line.host), [])
        room = len(idle) < KEPT
        if room:
            idle.append((time.monotonic(), line))
    if not room:
        line.close()


def _by_hope(where: Dialled) -> list[str]:
    """Return the hosts, those that could not be reached a moment ago last."""
    now = time.monotonic()
    with _KEPT.lock:
        return sorted(where.hosts, key=lambda host: _KEPT.avoided.get((host, where.port), 0) > now)
