"""Shows the console's answer to a refused form once, on the form's own page, after a redirect.

So a reload sends nothing again. The rendered answer (no page shows a password or the content of a file) is kept for a
minute, sealed, in a row of the browser's session, whatever its length. `guards` does this for every page that takes a
form; the page itself answers as if directly. Answers to htmx fragment requests are not redirected.
"""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, RedirectResponse, Response

from otae.accounts import kept_texts
from otae.errors import DatabaseAway
from otae.web.pages import REFUSED_COOKIE, address_of, is_fragment_request

if TYPE_CHECKING:
    from otae.web.guards import Visit

PURPOSE: Final = "otae refused page"
GOOD_FOR: Final = timedelta(minutes=1)
#: Statuses of a form sent to an address that takes none: sending it again has no effect, so no redirect is needed.
NOTHING_THERE: Final = frozenset({404, 405})
#: Headers of the form's answer that do not belong to the page shown later.
NOT_KEPT: Final = frozenset({"content-length", "content-type", "set-cookie"})


async def redirect_refused(visit: "Visit", answer: Response, where: str, secret: str) -> Response:
    """Return 303 to the page that will show ``answer`` when it refuses a form; any other answer unchanged.

    Args:
        where: Path and query of the form's page.
        secret: Of the browser that is signed in now.
    """
    refused = answer.status_code >= 400 and answer.status_code not in NOTHING_THERE
    if not refused or not isinstance(answer, HTMLResponse) or is_fragment_request(visit.request):
        return answer
    headers = {name: value for name, value in answer.headers.items() if name not in NOT_KEPT}
    text = json.dumps([where, answer.status_code, headers, bytes(answer.body).decode()])
    try:
        kept = await kept_texts.keep(visit.desk, secret, PURPOSE, text, until=visit.now + GOOD_FOR)
    except DatabaseAway:
        kept = ""
    if not kept:
        return answer
    response = RedirectResponse(where, 303)
    for value in answer.headers.getlist("set-cookie"):
        response.headers.append("set-cookie", value)
    seconds = int(GOOD_FOR.total_seconds())
    response.set_cookie(REFUSED_COOKIE, kept, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def take(visit: "Visit", secret: str) -> Response | None:
    """Return the kept answer for the requested page, once; None without one."""
    text_id = visit.request.cookies.get(REFUSED_COOKIE, "")
    text = await kept_texts.find(visit.desk, secret, PURPOSE, text_id, now=visit.now) if text_id else None
    if text is None:
        return None
    where, status, headers, body = json.loads(text)
    if where != address_of(visit.request) or not await kept_texts.forget(text_id):
        return None
    response = HTMLResponse(body, status, headers)
    response.delete_cookie(REFUSED_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response
