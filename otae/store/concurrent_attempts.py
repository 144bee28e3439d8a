"""Concurrent attempts: those that this process has counted and is checking now.

An attempt counts as failed until it succeeds (`failure_counters`). Who finds no attempt left while others are being
checked waits for them, since one of them may be uncounted: of many right passwords sent at once none is refused.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from weakref import WeakKeyDictionary

#: Most seconds that one sign-in waits for the attempts of others, one after the other.
MAX_WAIT: Final = 10


class _Attempts:
    """Attempts under way by key, and those who wait for one to end, of one event loop."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.waiting: dict[str, list[asyncio.Future[None]]] = {}


_loops: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Attempts]" = WeakKeyDictionary()
#: Keys that the current sign-in has counted under; None outside a sign-in.
_mine: "ContextVar[list[str] | None]" = ContextVar("mine", default=None)
#: The event loop's time until which the current sign-in may wait; None before it waits.
_wait_until: "ContextVar[float | None]" = ContextVar("wait_until", default=None)


def _attempts() -> _Attempts:
    return _loops.setdefault(asyncio.get_running_loop(), _Attempts())


@contextmanager
def sign_in_scope() -> Iterator[None]:
    """Collect what one sign-in counts; at its end all of its attempts have been checked."""
    mine: list[str] = []
    before, no_wait = _mine.set(mine), _wait_until.set(None)
    try:
        yield
    finally:
        _wait_until.reset(no_wait)
        _mine.reset(before)
        while mine:
            _end(mine[-1], mine)


def begin(key: str) -> None:
    """Record that an attempt was counted under ``key`` and is being checked; does nothing outside a sign-in."""
    mine = _mine.get()
    if mine is not None:
        mine.append(key)
        _attempts().counted[key] += 1


def end(key: str) -> None:
    """Record that this sign-in's attempt under ``key`` was uncounted."""
    mine = _mine.get()
    if mine is not None and key in mine:
        _end(key, mine)


async def wait_for_another(key: str) -> bool:
    """Wait until an attempt under ``key`` has been checked; False for none, or after MAX_WAIT seconds in all."""
    attempts, loop = _attempts(), asyncio.get_running_loop()
    if not attempts.counted[key]:
        return False
    until = _wait_until.get()
    if until is None:
        _wait_until.set(until := loop.time() + MAX_WAIT)
    turn = loop.create_future()
    attempts.waiting.setdefault(key, []).append(turn)
    try:
        async with asyncio.timeout_at(until):
            await turn
    except TimeoutError:
        return False
    return True


def _end(key: str, mine: list[str]) -> None:
    attempts = _attempts()
    mine.remove(key)
    attempts.counted[key] -= 1
    if not attempts.counted[key]:
        del attempts.counted[key]
    for turn in attempts.waiting.pop(key, []):
        if not turn.done():
            turn.set_result(None)
