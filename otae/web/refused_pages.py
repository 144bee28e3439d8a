"""Shows the console's answer to a refused form, or its question, once, on the form's own page, after a redirect.

So a reload sends nothing again. The rendered answer (no page shows a password or the content of a file) is kept for a
minute, sealed, in a row of the browser's session, whatever its length, and shown while the administrator may do and see
the same as when it was rendered. `guards` does this for every page that takes a form; the page itself returns its
answer and knows nothing of the redirect. Answers to htmx fragment requests are not redirected.
"""

import json
from datetime import timedelta
from typing import Final

from starlette.responses import HTMLResponse, RedirectResponse, Response

from otae.accounts import kept_texts
from otae.accounts.roles import Powers
from otae.errors import DatabaseAway
from otae.web import questions
from otae.web.pages import REFUSED_COOKIE, address_of, is_fragment_request
from otae.web.visits import Console, Visit

PURPOSE: Final = "otae refused page"
GOOD_FOR: Final = timedelta(minutes=1)
#: Statuses of a form sent to an address that takes none: sending it again has no effect, so no redirect is needed.
NOTHING_THERE: Final = frozenset({404, 405})
#: Headers of the form's answer that do not belong to the page shown later.
NOT_KEPT: Final = frozenset({"content-length", "content-type", "set-cookie"})


async def redirect_once(visit: Console, answer: Response, where: str, secret: str) -> Response:
    """Return 303 to the page that will show ``answer`` when it refuses a form or asks; any other answer unchanged.

    Args:
        where: Path and query of the form's page.
        secret: Of the browser that is signed in now.
    """
    refused = answer.status_code >= 400 and answer.status_code not in NOTHING_THERE
    shown_once = refused or questions.is_asking(visit.request)
    if not shown_once or not isinstance(answer, HTMLResponse) or is_fragment_request(visit.request):
        return answer
    headers = {name: value for name, value in answer.headers.items() if name not in NOT_KEPT}
    response = RedirectResponse(where, 303)
    where = response.headers["location"]  # as the browser will ask for it
    body = bytes(answer.body).decode()
    text = json.dumps([where, _as_text(visit.powers), answer.status_code, headers, body])
    try:
        kept = await kept_texts.keep(visit.desk, secret, PURPOSE, text, until=visit.now + GOOD_FOR)
    except DatabaseAway:
        kept = ""
    if not kept:
        return answer
    for value in answer.headers.getlist("set-cookie"):
        response.headers.append("set-cookie", value)
    seconds = int(GOOD_FOR.total_seconds())
    response.set_cookie(REFUSED_COOKIE, kept, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def take(visit: Visit, secret: str, powers: Powers) -> Response | None:
    """Return the kept answer for the requested page, once; None without one.

    Args:
        powers: What the administrator may do now.
    """
    text_id = visit.request.cookies.get(REFUSED_COOKIE, "")
    text = await kept_texts.find(visit.desk, secret, PURPOSE, text_id, now=visit.now) if text_id else None
    if text is None:
        return None
    where, allowed, status, headers, body = json.loads(text)
    shown_here = where == address_of(visit.request) and allowed == _as_text(powers)
    if not shown_here or not await kept_texts.forget(text_id):
        return None
    response = HTMLResponse(body, status, headers)
    response.delete_cookie(REFUSED_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _as_text(powers: Powers) -> list[str]:
    """Return what a role allows, and with which groups, in a form that can be compared."""
    groups = ["everybody"] if powers.reach.group_ids is None else sorted(map(str, powers.reach.group_ids))
    return [powers.role, *sorted(powers.permissions), *groups]
