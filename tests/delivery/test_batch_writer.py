"""Writes that are asked for at the same time become one, and each caller hears of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from otae.delivery.queue.batch_writer import BatchWriter

pytestmark = pytest.mark.anyio


class Store:
    """Writes batches when it is let; ``refused``: the items that can't be stored."""

    def __init__(self, *refused: int) -> None:
        self.batches: list[list[int]] = []
        self.refused = refused
        self.let = asyncio.Event()

    async def write(self, items: Sequence[int]) -> list[Exception | None]:
        self.batches.append(list(items))
        await self.let.wait()
        return [KeyError(item) if item in self.refused else None for item in items]


async def test_one_is_written_at_once_and_all_that_come_meanwhile_together() -> None:
    store = Store()
    writer = BatchWriter(store.write)
    tasks = [asyncio.create_task(writer.submit(0))]
    await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(writer.submit(number)) for number in range(1, 50)]
    await asyncio.sleep(0.01)
    assert store.batches == [[0]]
    assert not any(task.done() for task in tasks), "nobody goes on before their item is stored"
    store.let.set()
    await asyncio.gather(*tasks)
    assert store.batches == [[0], list(range(1, 50))]
    await writer.submit(50)
    assert store.batches[-1] == [50]


async def test_an_error_is_that_of_its_item_alone() -> None:
    store = Store(1)
    store.let.set()
    writer = BatchWriter(store.write)
    results = await asyncio.gather(*(writer.submit(number) for number in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), KeyError, type(None)]


async def test_a_batch_that_cannot_be_written_is_everybodys_error_and_the_next_one_is_tried() -> None:
    calls = 0

    async def write(items: Sequence[int]) -> list[Exception | None]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("away")
        return [None] * len(items)

    writer = BatchWriter(write)
    results = await asyncio.gather(*(writer.submit(number) for number in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 3
    await writer.submit(4)


async def test_who_is_cancelled_while_waiting_takes_nobody_along() -> None:
    store = Store()
    writer = BatchWriter(store.write)
    first, second = asyncio.create_task(writer.submit(1)), asyncio.create_task(writer.submit(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    store.let.set()
    await second
    assert first.cancelled()
    assert store.batches == [[1, 2]]
