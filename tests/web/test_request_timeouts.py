"""Who connects and does not ask is let go; who asks is answered, however slowly the answer comes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from otae.web import request_timeouts
from tests.flow.house import serving_by
from tests.servers.ports import free_port

pytestmark = pytest.mark.anyio


@dataclass
class Caller:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, words: bytes) -> None:
        self.writer.write(words)
        await self.writer.drain()

    async def answer(self) -> bytes:
        return await self.reader.readuntil(b"done")


async def slow_answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer after longer than a head may take."""
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(request_timeouts.HEAD_SECONDS * 2)
    length = (b"content-length", b"4")
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> AsyncIterator[int]:
    """Serve with little patience."""
    monkeypatch.setattr(request_timeouts, "HEAD_SECONDS", 0.3)
    port = free_port()
    config = uvicorn.Config(
        slow_answer, port=port, http=request_timeouts.HeadTimeoutProtocol, lifespan="off", log_config=None
    )
    async with serving_by(config):
        yield port


@pytest.fixture
async def caller(port: int) -> AsyncIterator[Caller]:
    """Connect."""
    one = Caller(*await asyncio.open_connection("127.0.0.1", port))
    yield one
    one.writer.close()
    with contextlib.suppress(ConnectionError):
        await one.writer.wait_closed()


ASK = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("said", [b"", b"GET /x HTTP/1.1\r\nHost: loc"])
async def test_a_head_that_does_not_come_ends_the_connection(caller: Caller, said: bytes) -> None:
    await caller.say(said)
    assert await asyncio.wait_for(caller.reader.read(), 20) == b""


async def test_a_head_that_drips_ends_the_connection(caller: Caller) -> None:
    gone = asyncio.create_task(caller.reader.read())
    await caller.say(b"GET /x HTTP/1.1\r\n")
    for _ in range(2000):
        if gone.done():
            break
        with contextlib.suppress(ConnectionError):
            await caller.say(b"X-A: b\r\n")
        await asyncio.sleep(0.02)
    assert await asyncio.wait_for(gone, 20) == b""


@pytest.mark.slow
async def test_a_slow_answer_is_waited_for_and_the_next_head_has_its_own_time(caller: Caller) -> None:
    await caller.say(ASK)
    assert (await caller.answer()).startswith(b"HTTP/1.1 200")
    await caller.say(ASK)
    assert (await caller.answer()).startswith(b"HTTP/1.1 200")
    await caller.say(b"GET /y")
    assert await asyncio.wait_for(caller.reader.read(), 20) == b""


@pytest.mark.slow
async def test_a_body_that_comes_slowly_is_not_taken_for_a_head(caller: Caller) -> None:
    await caller.say(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n")
    for letter in (b"a", b"b", b"c", b"d"):
        await asyncio.sleep(0.15)
        await caller.say(letter)
    assert (await caller.answer()).startswith(b"HTTP/1.1 200")
