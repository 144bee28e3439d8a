"""Having a new link mailed, from the page that says that the old one no longer works."""

from starlette.responses import RedirectResponse, Response

from otae.invitations import lifecycle, new_links
from otae.web.forms import sent_fields
from otae.web.guards import Visit
from otae.web.pages import render
from otae.web.paths import NEW_LINK
from otae.web.portal.login import carried, meant, name_the_house


async def ask(visit: Visit) -> Response:
    """Have a new link mailed, if that may be; the answer is the same either way."""
    sent = await sent_fields(visit.request)
    token = await meant(visit, str(sent["link"])) if "link" in sent else await carried(visit)
    invitation = await lifecycle.find_by_token(token) if token else None
    await new_links.request(visit.desk, invitation, network=visit.request.state.network, now=visit.now)
    return RedirectResponse(NEW_LINK, 303)


async def asked(visit: Visit) -> Response:
    """Say what happens now, whatever came of it."""
    await name_the_house(visit)
    return render(visit.request, "portal/new-link.html", {"minutes": int(new_links.MIN_INTERVAL.total_seconds() // 60)})
