"""The Mac's line: another address when told, TLS as a Mac believes it, cookies and a record of what went over it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509

from otae.rehearsal.connection import MacConnection
from otae.rehearsal.report import MacRefuses
from otae.rehearsal.safari import Safari
from otae.signing.bundles import read_bundle
from otae.signing.certificates import Keyed
from tests.servers.ports import Identity, make_identity

pytestmark = pytest.mark.anyio

PUBLIC = "https://desk.example.test"
PAGE = (
    '<form action="/in" method="post"><input name="name" value="ben"><input type="hidden" name="kept" value="1">'
    '<input type="password" name="password"><button name="b">Go</button></form><a href="/x/profile">Profile</a>'
)


@asynccontextmanager
async def echo(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[str]]]:
    """Serve a form, a redirect and a cookie; gives the port and every request as it came."""
    seen: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0)
        seen.append(head + (await reader.readexactly(length)).decode())
        path, more, status = head.split()[1], "", "200 OK"
        if path == "/start":
            status, more = "303 See Other", "Location: /form\r\nSet-Cookie: __Host-c=v; Path=/; Secure; HttpOnly\r\n"
        if path == "/round":
            status, more = "302 Found", "Location: /round\r\n"
        said = f"HTTP/1.1 {status}\r\n{more}Content-Type: text/html\r\nContent-Length: {len(PAGE)}\r\n"
        writer.write(f"{said}Connection: close\r\n\r\n{PAGE}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return make_identity(tmp_path)


def roots(identity: Identity) -> list[x509.Certificate]:
    return list(read_bundle(identity.ca_file.read_bytes()).certificates)


async def test_elsewhere_everything_but_the_address_stays_the_public_origin_s(identity: Identity) -> None:
    async with (
        echo() as (port, seen),
        MacConnection(PUBLIC, roots(identity), connect_to=f"http://127.0.0.1:{port}") as line,
    ):
        safari = Safari(line)
        page = await safari.open(f"{PUBLIC}/start")
        assert page.url == f"{PUBLIC}/form"
        page = await safari.sign_in(page, name="ben", password="open sesame")
    assert all("Host: desk.example.test\r\n" in head for head in seen)
    assert all("Cookie: __Host-c=v\r\n" in head for head in seen[1:])
    assert "Origin: https://desk.example.test\r\n" in seen[2]
    assert "Sec-Fetch-Site: same-origin\r\n" in seen[2]
    assert seen[2].endswith("name=ben&kept=1&password=open+sesame")
    assert "Sec-Fetch-Site: none\r\n" in seen[0]


async def test_other_origins_are_left_alone(identity: Identity) -> None:
    listening = echo(identity.server_context())
    async with (
        listening as (port, seen),
        MacConnection(PUBLIC, roots(identity), connect_to="http://127.0.0.1:9") as line,
    ):
        answer = await line.request("GET", f"https://localhost:{port}/form", name="x")
    assert answer.status == 200
    assert f"Host: localhost:{port}\r\n" in seen[0]


async def test_a_certificate_of_an_unknown_authority_is_refused(identity: Identity, stranger: Keyed) -> None:
    async with echo(identity.server_context()) as (port, _), MacConnection(PUBLIC, [stranger.certificate]) as line:
        with pytest.raises(MacRefuses, match="not trusted"):
            await line.request("GET", f"https://localhost:{port}/form", name="x")


async def test_a_certificate_for_another_name_is_refused(identity: Identity) -> None:
    listening, known = echo(identity.server_context()), roots(identity)
    async with listening as (port, _), MacConnection(PUBLIC, known, connect_to=f"https://localhost:{port}") as line:
        with pytest.raises(MacRefuses, match="not trusted"):
            await line.request("GET", f"{PUBLIC}/form", name="x")


async def test_nobody_there_is_said_so(identity: Identity) -> None:
    async with MacConnection("https://localhost:9", roots(identity)) as line:
        with pytest.raises(MacRefuses, match="cannot be reached"):
            await line.request("GET", "https://localhost:9/", name="x")


async def test_redirects_without_end_are_refused(identity: Identity) -> None:
    async with echo(identity.server_context()) as (port, _), MacConnection(PUBLIC, roots(identity)) as line:
        with pytest.raises(MacRefuses, match="redirects"):
            await Safari(line).open(f"https://localhost:{port}/round")


async def test_an_older_safari_sends_origin_alone(identity: Identity) -> None:
    async with echo(identity.server_context()) as (port, seen), MacConnection(PUBLIC, roots(identity)) as line:
        safari = Safari(line, fetch_metadata=False)
        page = await safari.open(f"https://localhost:{port}/form")
        await safari.sign_in(page, name="ben", password="x")
        assert page.link("/profile") == f"https://localhost:{port}/x/profile"
        with pytest.raises(MacRefuses, match="no form"):
            await safari.sign_in(page, name="ben", pin="12345678")
        with pytest.raises(MacRefuses, match="no link"):
            page.link("/elsewhere")
    assert not any("Sec-Fetch" in head for head in seen)
    assert f"Origin: https://localhost:{port}\r\n" in seen[1]


async def test_bodies_are_recorded_and_written_in_order(identity: Identity, tmp_path: Path) -> None:
    async with echo(identity.server_context()) as (port, _), MacConnection(PUBLIC, roots(identity)) as line:
        await line.request("POST", f"https://localhost:{port}/a", name="one", content=b"first")
        await line.request("GET", f"https://localhost:{port}/b", name="two")
    files = line.write_to(tmp_path / "out")
    assert [file.name for file in files] == ["000-one.sent", "001-one.received", "002-two.received"]
    assert files[0].read_bytes() == line.last("one.sent") == b"first"
    with pytest.raises(KeyError):
        line.last("two.sent")
