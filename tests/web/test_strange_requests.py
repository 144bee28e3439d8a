"""Requests as proxies write them, and links as mail programs hand them on."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import uvicorn

from otae.accounts.administrators import new_setup_link
from otae.paths import INVITATION_LINK, LOGIN
from otae.store import database
from otae.web.request_timeouts import HeadTimeoutProtocol
from tests.flow.house import serving_by
from tests.servers.ports import free_port
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio


@pytest.fixture
async def port(site: Site) -> AsyncIterator[int]:
    """Serve on a socket, as a proxy reaches it."""
    port = free_port()
    config = uvicorn.Config(
        site.app, port=port, http=HeadTimeoutProtocol, lifespan="off", log_config=None, proxy_headers=False
    )
    async with serving_by(config):
        yield port


async def status(port: int, head: str) -> int:
    """Ask with this head; return the status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + b"\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


async def test_requests_are_read_as_proxies_and_old_clients_write_them(site: Site, port: int) -> None:
    ours = site.origin.removeprefix("https://")
    asked = {
        f"GET https://{ours}{LOGIN} HTTP/1.1\r\nHost: {ours}": 200,
        f"GET HTTP://{ours}{LOGIN}?bare=1 HTTP/1.1\r\nHost: {ours}": 303,
        f"GET https://{ours}{LOGIN} HTTP/1.1\r\nHost: elsewhere.example": 200,
        f"GET https://{ours} HTTP/1.1\r\nHost: {ours}": 303,
        f"GET https://elsewhere.example{LOGIN} HTTP/1.1\r\nHost: {ours}": 421,
        f"GET https://ben@{ours}{LOGIN} HTTP/1.1\r\nHost: {ours}": 421,
        f"GET https://{ours}//{ours}{LOGIN} HTTP/1.1\r\nHost: {ours}": 404,
        f"GET https://{ours}/admin/../metrics HTTP/1.1\r\nHost: {ours}": 404,
        f"GET ftp://{ours}{LOGIN} HTTP/1.1\r\nHost: {ours}": 404,
        "GET /healthz HTTP/1.0": 200,
        "HEAD /readyz HTTP/1.0": 200,
        "GET /scep?operation=GetCACert&message=Our%20authority HTTP/1.0": 200,
        "GET http://10.0.0.9/scep?operation=GetCACaps&message= HTTP/1.1\r\nHost: 10.0.0.9": 200,
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA": 200,
    }
    assert {head: await status(port, head) for head in asked} == asked


@pytest.mark.parametrize("behind", [".", ",", ")", ">", ".)", "\u201d", "\uff0e", "\u200b."])
async def test_the_marks_behind_a_link_are_no_part_of_it(site: Site, invite: Invite, behind: str) -> None:
    link = (await invite("two_factor")).url
    answer = await site.client.get(f"{link}{quote(behind)}", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, LOGIN)
    assert INVITATION_LINK in link
    setup = await new_setup_link(site.desk, now=await database.now())
    answer = await site.client.get(f"{setup}{quote(behind)}", follow_redirects=True)
    assert answer.status_code == 200
    assert "password" in answer.text
