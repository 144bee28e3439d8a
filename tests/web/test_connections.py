"""Who connects and is silent is let go, a network has its share of connections, and everybody else is served."""

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from otae import app
from otae.errors import CannotStart
from otae.settings import Settings
from otae.web import connections
from tests.flow.house import serving_by
from tests.servers.ports import Identity, free_port, make_identity

pytestmark = pytest.mark.anyio

ASK = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the scheme and the client's address."""
    while (await receive()).get("more_body"):
        pass
    said = f"{scope['scheme']} {scope['client'][0]} done".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """Give a certificate for localhost."""
    folder: Path = tmp_path_factory.mktemp("identity")
    return make_identity(folder)


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch, identity: Identity, anyio_backend: str) -> AsyncIterator[int]:
    """Serve with little patience and two places a network."""
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 1)
    monkeypatch.setattr(connections, "MAX_PER_NETWORK", 2)
    port = free_port()
    http = connections.tls_protocol_factory(identity.server_context(), bounded=True)
    async with serving_by(uvicorn.Config(echo, port=port, http=http, lifespan="off", log_config=None)):
        yield port


async def silent(port: int, source: str = "127.0.0.1") -> Line:
    """Connect and say nothing."""
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))


async def ask(port: int, identity: Identity, source: str = "127.0.0.1") -> bytes:
    """Ask over TLS, with the request on the heels of the handshake."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=identity.client_context(), server_hostname="localhost", local_addr=(source, 0)
    )
    writer.write(ASK)
    said = await reader.readuntil(b"done")
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    return said


async def test_a_request_is_answered_as_over_any_tls(port: int, identity: Identity) -> None:
    for _ in range(5):  # more than there are places: each is given back
        assert b"https 127.0.0.1 done" in await ask(port, identity)


@pytest.mark.slow
async def test_a_handshake_that_does_not_come_ends_the_connection(port: int) -> None:
    reader, writer = await silent(port)
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def test_a_network_beyond_its_share_is_cut_and_others_are_served(port: int, identity: Identity) -> None:
    lines = [await silent(port), await silent(port, "127.0.0.200")]
    reader, third = await silent(port)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 20) == b""
    assert b"https 127.0.1.1 done" in await ask(port, identity, "127.0.1.1")
    for _, writer in [*lines, (reader, third)]:
        writer.close()
    for reader, _ in lines:
        await reader.read()
    async with asyncio.timeout(20):
        while True:  # the server notices in its own time that they have gone
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                assert b"done" in await ask(port, identity)
                return


async def test_what_is_no_tls_is_cut_and_gives_its_place_back(port: int, identity: Identity) -> None:
    for _ in range(4):
        reader, writer = await silent(port)
        writer.write(ASK)
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 20)
        writer.close()
    assert b"done" in await ask(port, identity)


def test_the_file_limit_is_raised() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert connections.raise_file_limit() > 256
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_in_one_line_before_the_setup_link_is_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = Settings.load({"OTAE_HOME": str(tmp_path), "PUBLIC_URL": f"https://localhost:{port}"})
        with pytest.raises(
            CannotStart, match=rf"port {port} of 127\.0\.0\.1 cannot be opened: another program listens"
        ):
            app.serve(settings)
    assert "/admin/setup" not in capsys.readouterr().err


def test_an_address_that_is_none_is_said_in_one_line() -> None:
    with pytest.raises(CannotStart, match=r"port 8443 of 999\.1\.1\.1 cannot be opened: "):
        connections.bind_sockets("999.1.1.1", 8443)
