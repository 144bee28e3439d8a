"""Batching of writes that are requested at the same time, without a timer.

While one write is under way, further items are collected and then written by one statement. A single item is written
at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class BatchWriter(Generic[Item]):
    """Collects items and stores them in batches.

    Submit outside of transactions only: the write runs in a task of its own.

    Args:
        write: Stores a batch and returns for each item, in order, None or the error that kept it from being stored.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Exception | None]]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Exception | None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> None:
        """Return once ``item`` is stored; raise its own error, or that of the whole batch."""
        future: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        if (error := await future) is not None:
            raise error

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            outcomes: Sequence[Exception | None]
            try:
                outcomes = await self._write([item for item, _ in batch])
            except Exception as error:  # noqa: BLE001 - every caller that waits gets the error
                outcomes = [error] * len(batch)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
