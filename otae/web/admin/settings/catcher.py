"""The mail catcher's pages: messages that were not sent because there is no notification server."""

from typing import Final

from starlette.responses import HTMLResponse, Response

from otae.delivery import catcher, servers
from otae.web.admin.page_parts import or_not_found
from otae.web.failures import NotFound
from otae.web.pages import render
from otae.web.visits import Console

PAGE: Final = 100
#: For a mail's HTML: no script, no form, no frame, nothing fetched from anywhere; it keeps its colours and pictures.
POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


async def index(visit: Console) -> Response:
    """List the caught mails, newest first; those of rehearsals only on request."""
    query = visit.request.query_params
    everything, rehearsal = query.get("all") == "1", query.get("rehearsal") == "1"
    limit = catcher.MAX_KEPT if everything else PAGE
    mails = await catcher.list_caught(limit=limit + 1, rehearsal=None if rehearsal else False)
    context = {
        "mails": mails[:limit],
        "more": len(mails) > limit,
        "rehearsal": rehearsal,
        "kept": catcher.MAX_KEPT,
        "server": await servers.active_server(),
    }
    return render(visit.request, "admin/settings/mail/index.html", context)


async def show(visit: Console) -> Response:
    """Show one mail as text, or with ``?part=html`` as a mail program would; the access is recorded."""
    as_html = visit.request.query_params.get("part") == "html"
    mail = or_not_found(
        await catcher.read_caught(visit.desk, visit.request.path_params["id"], now=visit.now, actor=visit.actor)
    )
    return render(
        visit.request, "admin/settings/mail/show.html", {"mail": mail, "as_html": as_html and bool(mail.html)}
    )


async def html(visit: Console) -> Response:
    """Return the HTML part for the frame on the mail's page; the access is recorded."""
    mail = or_not_found(
        await catcher.read_caught(visit.desk, visit.request.path_params["id"], now=visit.now, actor=visit.actor)
    )
    if not mail.html:
        raise NotFound
    headers = {"Content-Security-Policy": POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(mail.html, headers=headers)
