"""Concurrent attempts: those that this process has counted and is checking now.

An attempt counts as failed until it succeeds (`failure_counters`). A sign-in that finds no attempt left while others
are being checked waits for them, because one that succeeds is given back. So when many right passwords are sent at
once, none is refused.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from otae.store.resources import Resources

#: Most seconds that one sign-in waits for the attempts of others, one after the other.
MAX_WAIT: Final = 10


class _Attempts:
    """Attempts under way in this process by key, and those who wait for one to end."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.waiters: dict[str, list[asyncio.Future[None]]] = {}


@dataclass
class _SignIn:
    """One sign-in: the keys that it has counted under, and until when it may wait (the event loop's time)."""

    attempts: _Attempts
    keys: list[str] = field(default_factory=list)
    wait_until: float | None = None


_current: "ContextVar[_SignIn | None]" = ContextVar("sign_in", default=None)


@contextmanager
def sign_in_scope(resources: Resources) -> Iterator[None]:
    """Collect what one sign-in counts; at its end all of its attempts have been checked."""
    sign_in = _SignIn(resources.get(_Attempts))
    before = _current.set(sign_in)
    try:
        yield
    finally:
        _current.reset(before)
        while sign_in.keys:
            _end(sign_in.keys[-1], sign_in)


def begin(key: str) -> None:
    """Record that an attempt was counted under ``key`` and is being checked; does nothing outside a sign-in."""
    if sign_in := _current.get():
        sign_in.keys.append(key)
        sign_in.attempts.counted[key] += 1


def end(key: str) -> None:
    """Record that this sign-in's attempt under ``key`` was uncounted."""
    sign_in = _current.get()
    if sign_in and key in sign_in.keys:
        _end(key, sign_in)


async def wait_for_another(key: str) -> bool:
    """Wait until an attempt under ``key`` has been checked.

    Returns:
        False when there is none, after MAX_WAIT seconds in all, and outside a sign-in.
    """
    sign_in, loop = _current.get(), asyncio.get_running_loop()
    if sign_in is None or not sign_in.attempts.counted[key]:
        return False
    if sign_in.wait_until is None:
        sign_in.wait_until = loop.time() + MAX_WAIT
    future = loop.create_future()
    sign_in.attempts.waiters.setdefault(key, []).append(future)
    try:
        async with asyncio.timeout_at(sign_in.wait_until):
            await future
    except TimeoutError:
        return False
    return True


def _end(key: str, sign_in: _SignIn) -> None:
    attempts = sign_in.attempts
    sign_in.keys.remove(key)
    attempts.counted[key] -= 1
    if not attempts.counted[key]:
        del attempts.counted[key]
    for future in attempts.waiters.pop(key, []):
        if not future.done():
            future.set_result(None)
