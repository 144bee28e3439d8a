"""Requests a link by mail: a new one from the page of a link that no longer works, the same one from another device."""

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.invitations import lifecycle, new_links
from otae.web.forms import sent_fields
from otae.web.pages import render
from otae.web.portal.login import token_of_cookie, token_sent
from otae.web.visits import Visit


async def ask(visit: Visit) -> Response:
    """Request a new link; the answer does not reveal whether one is mailed."""
    sent = await sent_fields(visit.request)
    token, again = await token_sent(visit, sent), "again" in sent
    invitation = await lifecycle.find_by_token(token) if token else None
    await new_links.request(visit.desk, invitation, network=visit.request.state.network, now=visit.now, again=again)
    return RedirectResponse(paths.NEW_LINK(again="1" if again else ""), 303)


async def asked(visit: Visit) -> Response:
    """Show what happens next, whether or not a link is mailed."""
    if (token := await token_of_cookie(visit)) and (invitation := await lifecycle.find_by_token(token)):
        visit.request.state.support_code = invitation.support_code
    minutes = int(new_links.PER_WHILE.window.total_seconds() // 60)
    context = {"minutes": minutes, "again": "again" in visit.request.query_params}
    return render(visit.request, "portal/new-link.html", context)
