"""What a page of the portal weighs: every one that a test of the pages looks at is checked against the budget."""

import re
from collections.abc import Awaitable, Callable
from html import unescape
from typing import Final

import httpx2

from otae.web.callers import Caller, caller
from tests.first_visit import PORTAL_BYTES, PORTAL_REQUESTS

#: A file that the browser fetches with the page; data: addresses need no request.
PART: Final = re.compile(
    r"""<(?:link\b[^>]*\brel="(?:stylesheet|icon)"[^>]*\bhref|(?:script|img)\b[^>]*\bsrc|use\b[^>]*\bhref)="(/[^"#]*)"""
)
#: The head of an answer, at most.
HEAD_BYTES: Final = 900

_known: dict[str, int] = {}


def watcher(transport: httpx2.ASGITransport, origin: str) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Return the hook of a client that weighs each page of the portal it gets."""

    async def size(path: str) -> int:
        if path not in _known:
            async with httpx2.AsyncClient(transport=transport, base_url=origin) as browser:
                head = await browser.head(path, headers={"Accept-Encoding": "br"})
            assert head.status_code == 200, path
            _known[path] = int(head.headers["content-length"])
        return _known[path]

    async def weigh(response: httpx2.Response) -> None:
        is_page = response.headers.get("content-type", "").startswith("text/html")
        if not is_page or caller(response.request.url.path) is not Caller.PORTAL:
            return
        await response.aread()
        parts = {unescape(path) for path in PART.findall(response.text)}
        requests = 1 + len(parts) + response.text.count(" data-opened=")
        total = len(response.content) + sum([await size(path) for path in parts]) + requests * HEAD_BYTES
        where = f"{response.request.method} {response.request.url.path}"
        assert requests <= PORTAL_REQUESTS, f"{where} makes {requests} requests: {sorted(parts)}"
        assert total <= PORTAL_BYTES, f"{where} weighs {total} bytes"

    return weigh
