"""The choice of another language on a page of the portal, kept in a cookie of the browser."""

from typing import Final

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
    response = cookie_check.redirect(visit.request, page_of_the_portal(str(sent.get("back", ""))))
    if (tag := sent.get("language")) in words.PEOPLE_LANGUAGES:
        set_cookie(response, LANGUAGE_COOKIE, str(tag), seconds=KEPT)
    return response


def page_of_the_portal(sent: str) -> str:
    """Return the path and query that a form sent if they are a page of the portal, else the login page's address."""
    path = sent.partition("?")[0]
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and sent.isprintable() and len(sent) <= LONGEST
    return sent if ours and caller(path) is Caller.PORTAL else paths.LOGIN
