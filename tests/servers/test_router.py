"""The router of the tests behaves like the one in front of a PaaS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.servers.ports import free_port
from tests.servers.router import StartRouter, TLSRouter

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def echo(*, silent: bool = False) -> AsyncIterator[int]:
    """Run a plain HTTP server that answers with the request's head and body; give its port."""
    leaving = asyncio.Event()
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        body = head + await reader.readexactly(length)
        if silent:
            await leaving.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        writer.close()
        await asyncio.wait([asyncio.ensure_future(writer.wait_closed())])

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        leaving.set()
        await asyncio.gather(*filter(None, answering), return_exceptions=True)


def client(router: TLSRouter) -> httpx2.AsyncClient:
    context = ssl.create_default_context(cafile=str(router.ca_file))
    return httpx2.AsyncClient(verify=context, base_url=router.url, trust_env=False)


async def test_it_ends_tls_and_says_for_whom_it_asks(tls_router: StartRouter) -> None:
    async with echo() as port:
        router = tls_router(port)
        async with client(router) as caller:
            answer = await caller.get("/", headers={"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"})
    lines = answer.text.lower().splitlines()
    assert "x-forwarded-for: 6.6.6.6, 127.0.0.1" in lines
    assert [line for line in lines if line.startswith("x-forwarded-proto")] == ["x-forwarded-proto: https"]
    assert f"x-forwarded-port: {router.port}" in lines
    assert f"host: localhost:{router.port}" in lines


async def test_a_large_body_goes_through_whole(tls_router: StartRouter) -> None:
    body = b"0123456789abcdef" * 40_000
    async with echo() as port, client(tls_router(port)) as caller:
        answer = await caller.post("/upload", content=body)
    assert answer.content.endswith(body)


async def test_a_late_first_byte_is_a_503_and_is_counted(tls_router: StartRouter) -> None:
    async with echo(silent=True) as port:
        router = tls_router(port, first_byte_seconds=0.2)
        async with client(router) as caller:
            answer = await caller.get("/slow")
    assert (answer.status_code, router.timeouts) == (503, 1)


async def test_nobody_behind_it_is_a_503(tls_router: StartRouter) -> None:
    async with client(tls_router(free_port())) as caller:
        assert (await caller.get("/")).status_code == 503
