"""Workers that are paused in the middle of a step, for longer than their lease."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest


class Pauses:
    """Every call of a module's function waits until it is let go on, and then does what it always does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
        self.calls: list[asyncio.Event] = []
        self.real = getattr(module, name)
        monkeypatch.setattr(module, name, self.wait)

    async def wait(self, *args: Any, **named: Any) -> object:  # noqa: ANN401 - passed through
        self.calls.append(asyncio.Event())
        await self.calls[-1].wait()
        return await self.real(*args, **named)

    async def begin(self, step: Awaitable[object]) -> asyncio.Task[object]:
        """Start a step, and return it when it is paused."""
        before, task = len(self.calls), asyncio.ensure_future(step)
        async with asyncio.timeout(30):
            while len(self.calls) == before:
                if task.done():
                    raise AssertionError("this step ended before it could be paused") from task.exception()
                await asyncio.sleep(0.01)
        return task


async def until_about_to_end(connection: Any) -> None:  # noqa: ANN401 - the driver's own, which has no types
    """Wait until PostgreSQL has announced the end of a connection; it is not closed yet then."""
    transport = connection._transport  # noqa: SLF001 - no public way to it, and none afterwards
    async with asyncio.timeout(60):
        while not transport.is_closing():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)
