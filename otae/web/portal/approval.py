"""Approval at the portal: the page of the person who waits, and that of the manager who decides.

Opening the manager's link only shows the request: mail scanners open links, too.
"""

from typing import Final

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.accounts import browsers
from otae.enrollment import approvals
from otae.enrollment.progress import SessionProgress
from otae.errors import ApprovalOwn, ApprovalUnknown, StaleState
from otae.text import link_value
from otae.translatable import N_
from otae.web.failures import Failure
from otae.web.forms import sent_fields
from otae.web.guards import PORTAL_COOKIE
from otae.web.pages import is_fragment_request, render
from otae.web.visits import Portal, Visit
from otae.words import gettext as _

#: The decisions that the forms offer.
DECISIONS: Final = ("approved", "declined")
OWNERSHIPS: Final = {"corporate": N_("a Mac of the organization"), "employee": N_("the person's own Mac")}


def mark(row: approvals.ApprovalRow, progress: SessionProgress) -> str:
    """Return a text that changes whenever the page that waits has something else to show."""
    return f"{row.id.hex[-8:]}-{row.status}-{progress.end or 'live'}"


async def wait(visit: Portal, row: approvals.ApprovalRow, progress: SessionProgress, of: str) -> Response:
    """Show that the enrollment waits for its approval, or was declined; the page polls while the sign-in lives."""
    part, seen = is_fragment_request(visit.request), mark(row, progress)
    if part and visit.request.query_params.get("seen") == seen:
        return Response(status_code=204)
    invitation, person = visit.session.invitation, visit.session.person
    context = {
        "approval": row,
        "session_progress": progress,
        "mark": seen,
        "of": of,
        "person": person.display_name,
        "mailed": bool((invitation and invitation.email) or person.email),
        "expires_at": visit.session.expires_at,
    }
    return render(visit.request, "portal/waiting.html", context, block="progress" if part else None)


async def show(visit: Visit) -> Response:
    """Show the request of a manager's link, or what was decided."""
    context: dict[str, object] = {"done": visit.request.query_params.get("done", ""), "row": None}
    if context["done"] not in DECISIONS:
        row = await approvals.find_by_link(_token(visit), now=visit.now)
        context = {"done": "", "row": row, "ownerships": OWNERSHIPS}
    return render(visit.request, "portal/approve.html", context)


async def decide(visit: Visit) -> Response:
    """Approve or decline as the manager, once."""
    row = await approvals.find_by_link(_token(visit), now=visit.now)
    chosen = str((await sent_fields(visit.request)).get("decision", ""))
    if chosen not in DECISIONS:
        raise Failure(400, _("Please choose one of the two buttons."), "decision-unknown")
    browser = await browsers.find_browser(
        visit.request.cookies.get(PORTAL_COOKIE, ""), browsers.PORTAL, now=visit.now, touch=False
    )
    if browser and browser.session and browser.session.person_id == row.invitation.person_id:
        raise ApprovalOwn("the person themselves has signed in with this browser")
    try:
        await approvals.decide(visit.desk, row, chosen, approvals.manager_of(row), now=visit.now)
    except StaleState:
        raise ApprovalUnknown from None
    return RedirectResponse(paths.APPROVE(done=chosen), 303)


def _token(visit: Visit) -> str:
    return link_value(visit.request.query_params.get("a", ""))
