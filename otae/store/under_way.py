"""Tries that were counted and are being looked at now, in this process.

A try counts as wrong until it turns out right. Who finds no try left while others are under way waits for them, for one
of them may be given back: of many right passwords sent at once none is taken for a wrong one.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from weakref import WeakKeyDictionary

#: Seconds that somebody waits for others at most.
LONGEST: Final = 10


class _Tries:
    """What is counted under which key, and who waits for an end, on one event loop."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.waiting: dict[str, list[asyncio.Future[None]]] = {}


_loops: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Tries]" = WeakKeyDictionary()
#: The keys that the sign-in at work has counted under; None outside of any.
_mine: "ContextVar[list[str] | None]" = ContextVar("mine", default=None)


def _tries() -> _Tries:
    return _loops.setdefault(asyncio.get_running_loop(), _Tries())


@contextmanager
def one_sign_in() -> Iterator[None]:
    """Hold what one sign-in counts; at its end all of it has been looked at."""
    mine: list[str] = []
    before = _mine.set(mine)
    try:
        yield
    finally:
        _mine.reset(before)
        while mine:
            _end(mine[-1], mine)


def begin(key: str) -> None:
    """Say that a try was counted under ``key`` and is looked at now; outside of a sign-in nothing is kept."""
    mine = _mine.get()
    if mine is not None:
        mine.append(key)
        _tries().counted[key] += 1


def end(key: str) -> None:
    """Say that this sign-in's try under ``key`` was given back."""
    mine = _mine.get()
    if mine is not None and key in mine:
        _end(key, mine)


async def another_ends(key: str) -> bool:
    """Wait until a try under ``key`` has been looked at; False when none is under way, or it takes too long."""
    tries = _tries()
    if not tries.counted[key]:
        return False
    turn = asyncio.get_running_loop().create_future()
    tries.waiting.setdefault(key, []).append(turn)
    try:
        async with asyncio.timeout(LONGEST):
            await turn
    except TimeoutError:
        return False
    return True


def _end(key: str, mine: list[str]) -> None:
    tries = _tries()
    mine.remove(key)
    tries.counted[key] -= 1
    if not tries.counted[key]:
        del tries.counted[key]
    for turn in tries.waiting.pop(key, []):
        if not turn.done():
            turn.set_result(None)
