"""Manage → Desk: finds the person in front of the technician, and shows once what is typed on their Mac."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.errors import InputRefused, NotAllowed
from otae.invitations import identity_confirmations
from otae.invitations.identity_confirmations import Confirmed
from otae.invitations.modes import title_of
from otae.web.admin.page_parts import SENT_ALREADY, is_resubmitted, new_form_id, row_id, text_param
from otae.web.failures import NotFound, page_status
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

#: Fewest letters that are searched for.
SHORTEST: Final = 2


async def show(visit: Console) -> Response:
    """Show the search, and whom it finds."""
    return await _show(visit)


async def confirm(visit: Console) -> Response:
    """Confirm the person's identity; address, code and PIN are in this answer and nowhere else."""
    if await is_resubmitted(visit):
        return redirect(paths.DESK, "info", _(SENT_ALREADY))
    try:
        confirmed = await identity_confirmations.confirm(
            visit.desk,
            row_id(visit.request),
            reach=visit.reach,
            by=visit.actor,
            by_id=visit.administrator.id,
            now=visit.now,
        )
    except InputRefused as refusal:
        return await _show(visit, problem=_(refusal.reasons), status=422)
    except NotAllowed as refusal:
        return await _show(visit, problem=_(refusal.words), status=page_status(refusal))
    if confirmed is None:
        raise NotFound
    return await _show(visit, confirmed=confirmed)


async def _show(
    visit: Console, *, confirmed: Confirmed | None = None, problem: str = "", status: int = 200
) -> Response:
    search = text_param(visit.request, "q")
    searched = len(search) >= SHORTEST
    context = {
        "search": search,
        "searched": searched,
        "visitors": await identity_confirmations.find_visitors(search, reach=visit.reach, now=visit.now)
        if searched
        else [],
        "confirmed": confirmed,
        "problem": problem,
        "form_id": new_form_id,
        "title_of": title_of,
        "server": visit.desk.settings.public_url,
    }
    return render(visit.request, "admin/manage/desk.html", context, status=status)
