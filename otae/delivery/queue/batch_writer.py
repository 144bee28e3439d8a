"""Writing together what many wait for at once, without anybody waiting for company.

While one write is under way, what comes next gathers, and is written in one go when that is over: alone, something is
written at once; in a crowd, a statement serves as many as there are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Together(Generic[Item]):
    """One writer. ``write``: stores its items and returns for each, in their order, None or why it could not be.

    Give to it outside of transactions only: the write runs in a task of its own.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Exception | None]]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Exception | None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def give(self, item: Item) -> None:
        """Return when ``item`` is stored; raises what it could not be stored for, or what the whole write failed of."""
        future: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        if (error := await future) is not None:
            raise error

    async def _write_all(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            outcomes: Sequence[Exception | None]
            try:
                outcomes = await self._write([item for item, _ in taken])
            except Exception as error:  # noqa: BLE001 - whatever it is, each of those who wait is told
                outcomes = [error] * len(taken)
            for (_, future), outcome in zip(taken, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
