"""The choice of another language on a page of the portal, kept in a cookie of the browser."""

from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response

from otae import paths, words
from otae.web import cookie_check
from otae.web.callers import Caller, caller
from otae.web.forms import sent_fields
from otae.web.guards import set_cookie
from otae.web.page_language import LANGUAGE_COOKIE
from otae.web.visits import Visit

#: Seconds for which a browser keeps the choice.
KEPT: Final = 180 * 24 * 3600
#: Most characters of the address of a page that is returned to.
LONGEST: Final = 400


async def choose(visit: Visit) -> Response:
    """Keep the language that was chosen, and return to the page; an unknown language changes nothing."""
    sent = await sent_fields(visit.request)
    response = cookie_check.redirect(visit.request, page_before(visit))
    if (tag := sent.get("language")) in words.PEOPLE_LANGUAGES:
        set_cookie(response, LANGUAGE_COOKIE, str(tag), seconds=KEPT)
    return response


def page_before(visit: Visit) -> str:
    """Return path and query of the portal's page that sent the form, else the address of the login page.

    The browser names it in Referer, so that no page has to repeat its address, which may hold a token.
    """
    try:
        before = urlsplit(visit.request.headers.get("referer", "")[:LONGEST])
    except ValueError:
        return paths.LOGIN
    ours = f"{before.scheme}://{before.netloc}" == visit.desk.settings.public_url
    if not ours or caller(before.path) is not Caller.PORTAL or before.path.startswith(("//", "/\\")) or not before.path:
        return paths.LOGIN
    return f"{before.path}?{before.query}" if before.query else before.path
