"""Compressed answers: which coding a browser takes, and pages that are compressed where the route table says so.

By default no page is (docs/adr/0033-what-is-compressed.md): somebody who sees how long the compressed pages are, and
can have words of their own put into them, can guess what else they contain.
"""

import gzip
import re
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response

from otae.web.visits import Console

#: Shorter pages gain nothing.
SMALLEST: Final = 1000
#: An entry of Accept-Encoding (RFC 9110 §12.5.3).
ENTRY: Final = re.compile(r"([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?", re.IGNORECASE)


def best_coding(headers: Headers, offered: Collection[str]) -> str:
    """Return the one of ``offered`` that the request prefers, the first of equal ones; "" when it wants none."""
    entries = [ENTRY.fullmatch(entry.strip()) for entry in ",".join(headers.getlist("accept-encoding")).split(",")]
    weights = {entry[1].lower(): float(entry[2] or 1) for entry in entries if entry}
    wanted = {coding: weights.get(coding, weights.get("*", 0)) for coding in offered}
    best = max(wanted, key=wanted.__getitem__, default="")
    return best if best and wanted[best] > 0 and wanted[best] >= weights.get("identity", 0) else ""


def compressed(page: Callable[[Console], Awaitable[Response]]) -> Callable[[Console], Awaitable[Response]]:
    """Return ``page`` with its answers compressed for browsers that take gzip."""

    async def answer(visit: Console) -> Response:
        response = await page(visit)
        response.headers.add_vary_header("Accept-Encoding")
        is_worth_it = response.status_code == 200 and len(response.body) >= SMALLEST
        if is_worth_it and best_coding(visit.request.headers, ["gzip"]):
            response.body = gzip.compress(response.body, 6, mtime=0)
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Length"] = str(len(response.body))
        return response

    return answer
