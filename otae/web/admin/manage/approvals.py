"""Manage → Approvals: who waits for an approval, and what was decided lately."""

from starlette.responses import Response

from otae import paths
from otae.enrollment import approvals
from otae.enrollment.approvals import Approver
from otae.errors import NotAllowed, StaleState
from otae.translatable import N_
from otae.web.admin.manage.statuses import OWNERSHIPS
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.forms import sent_fields
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

DONE = {
    "approved": N_("%s may enroll a Mac now, and is mailed."),
    "declined": N_("%s was declined."),
}


async def index(visit: Console) -> Response:
    """List the requests that wait, and those that were decided lately."""
    context = {
        "waiting": await approvals.waiting(now=visit.now, reach=visit.reach),
        "decided": await approvals.decided(now=visit.now, reach=visit.reach),
        "ownerships": OWNERSHIPS,
        "now": visit.now,
    }
    return render(visit.request, "admin/manage/approvals/index.html", context)


async def decide(visit: Console) -> Response:
    """Approve or decline a request, unless it has changed since the page was shown."""
    row = or_not_found(await approvals.find(row_id(visit.request), reach=visit.reach))
    sent = await sent_fields(visit.request)
    chosen, approver = str(sent.get("decision", "")), Approver.administrator(visit.administrator)
    late = redirect(paths.APPROVALS, "warning", _("Somebody else decided meanwhile; this is how it stands now."))
    if chosen not in DONE or row.status != sent.get("seen"):
        return late
    try:
        await approvals.decide(visit.desk, row, chosen, approver, now=visit.now)
    except StaleState:
        return late
    except NotAllowed as refusal:
        return redirect(paths.APPROVALS, "warning", _(refusal.words))
    return redirect(paths.APPROVALS, "success", _(DONE[chosen]) % row.invitation.person.display_name)
