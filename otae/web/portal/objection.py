"""The page of the link "Not you?" in the mail of desk mode. Opening it changes nothing."""

from typing import Final

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.invitations import identity_confirmations
from otae.text import link_value
from otae.web.page_language import use_person_language
from otae.web.pages import render
from otae.web.visits import Visit

TEMPLATE: Final = "portal/objection.html"


async def show(visit: Visit) -> Response:
    """Show what the link ends, or that it did; ObjectionUnknown when it does not work any more."""
    done = visit.request.query_params.get("done", "")
    if done:
        return render(visit.request, TEMPLATE, {"objection": None, "enrolled": done == "enrolled"})
    objection = await identity_confirmations.find_objection(_token(visit))
    use_person_language(visit.request, objection.invitation.language, objection.invitation.person.language)
    visit.request.state.support_code = objection.invitation.support_code
    return render(visit.request, TEMPLATE, {"objection": objection, "enrolled": False, "token": _token(visit)})


async def send(visit: Visit) -> Response:
    """End the invitation, once."""
    enrolled = await identity_confirmations.end_by_objection(visit.desk, _token(visit), now=visit.now)
    return RedirectResponse(paths.OBJECTION(done="enrolled" if enrolled else "ended"), 303)


def _token(visit: Visit) -> str:
    return link_value(visit.request.query_params.get("t", ""))
