"""Detects a browser that keeps no cookies, before it is redirected in a circle.

When a browser that sent no cookie is given one, the redirect's address carries a mark. A browser that requests a marked
address without any cookie keeps none.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from otae.web.failures import Failure
from otae.words import gettext as _

MARK: Final = "cookies=1"


def redirect(request: Request, where: str) -> Response:
    """Return 303 to ``where``, a path of ours, for an answer that sets a cookie."""
    if request.cookies:
        return RedirectResponse(where, 303)
    return RedirectResponse(f"{where}{'&' if '?' in where else '?'}{MARK}", 303)


def check_return(request: Request) -> Response | None:
    """Return a redirect to the address without the mark; None when ``request`` is for an unmarked one.

    Raises:
        Failure: 400, the browser kept no cookie.
    """
    if request.method not in {"GET", "HEAD"} or MARK not in request.url.query.split("&"):
        return None
    if not request.cookies:
        raise Failure(400, _("Your browser keeps no cookies, so this server does not know you again."), "cookies-off")
    rest = "&".join(part for part in request.url.query.split("&") if part != MARK)
    return RedirectResponse(f"{request.url.path}?{rest}" if rest else request.url.path, 303)
