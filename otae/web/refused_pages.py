"""What the console answers a form that it refused: back to the form's page, which shows the answer once.

So a reload sends nothing again. The answer is kept for a minute as it was rendered (no page shows a password or what
was in a file), sealed, in a row of the browser's session, whatever its length. `guards` does this for every page that
takes a form; the page itself answers as if it were shown at once. What htmx puts into a page is answered at once.
"""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, RedirectResponse, Response

from otae.accounts import kept_texts
from otae.errors import DatabaseAway
from otae.web.pages import REFUSED_COOKIE, address_of, wants_part

if TYPE_CHECKING:
    from otae.web.guards import Visit

PURPOSE: Final = "otae refused page"
GOOD_FOR: Final = timedelta(minutes=1)
#: There is nothing at the address that the form was sent to: sent again, it does nothing again.
NOTHING_THERE: Final = frozenset({404, 405})
#: Headers that belong to the answer of the form alone.
NOT_KEPT: Final = frozenset({"content-length", "content-type", "set-cookie"})


async def lead_back(visit: "Visit", answer: Response, where: str, secret: str) -> Response:
    """Return 303 to the page that shows ``answer`` when a form was refused with it; any other as it is.

    ``where``: path and query of the form's page. ``secret``: of the browser that is signed in now.
    """
    refused = answer.status_code >= 400 and answer.status_code not in NOTHING_THERE
    if not refused or not isinstance(answer, HTMLResponse) or wants_part(visit.request):
        return answer
    headers = {name: value for name, value in answer.headers.items() if name not in NOT_KEPT}
    told = json.dumps([where, answer.status_code, headers, bytes(answer.body).decode()])
    try:
        kept = await kept_texts.keep(visit.desk, secret, PURPOSE, told, until=visit.now + GOOD_FOR)
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
    """Return the answer that waits for the page which is asked for, once; None without one."""
    text_id = visit.request.cookies.get(REFUSED_COOKIE, "")
    told = await kept_texts.find(visit.desk, secret, PURPOSE, text_id, now=visit.now) if text_id else None
    if told is None:
        return None
    where, status, headers, body = json.loads(told)
    if where != address_of(visit.request) or not await kept_texts.forget(text_id):
        return None
    response = HTMLResponse(body, status, headers)
    response.delete_cookie(REFUSED_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response
