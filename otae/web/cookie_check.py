"""Noticing a browser that keeps no cookies, before it goes round in a circle.

An answer that sets a cookie to a browser that has sent none leads to its page by way of an address with a mark; whoever
arrives there without any cookie keeps none.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from otae.web.failures import Failure
from otae.words import gettext as _

MARK: Final = "cookies=1"


def lead(request: Request, where: str) -> Response:
    """Return 303 to ``where``, a path of ours, for an answer that sets a cookie."""
    if request.cookies:
        return RedirectResponse(where, 303)
    return RedirectResponse(f"{where}{'&' if '?' in where else '?'}{MARK}", 303)


def arrived(request: Request) -> Response | None:
    """Return where a marked address leads on to, None for any other; Failure when the browser kept no cookie."""
    if request.method not in {"GET", "HEAD"} or MARK not in request.url.query.split("&"):
        return None
    if not request.cookies:
        raise Failure(400, _("Your browser keeps no cookies, so this server does not know you again."), "cookies-off")
    rest = "&".join(part for part in request.url.query.split("&") if part != MARK)
    return RedirectResponse(f"{request.url.path}?{rest}" if rest else request.url.path, 303)
