"""What changed about a recipient since the invitation; the invitation's page loads it after it is shown."""

from typing import Final

from starlette.responses import Response

from otae.invitations import recipient_changes
from otae.invitations.details import InvitationRow, read
from otae.translatable import N_
from otae.web.admin.page_parts import new_form_id, or_not_found
from otae.web.pages import is_fragment_request, render
from otae.web.visits import Console

#: Compared field → its title.
FACTS: Final = {"display_name": N_("Name"), "email": N_("E-mail"), "phone": N_("Phone")}


async def show(visit: Console) -> Response:
    """Show what changed, as a page or as a fragment: the invitation's page then waits for no directory."""
    row = or_not_found(await read(visit.request.path_params["id"], visit.reach)).invitation
    context = _context(row, await recipient_changes.compare(visit.desk, row, now=visit.now))
    part = "changes" if is_fragment_request(visit.request) else None
    return render(visit.request, "admin/manage/invitations/changes.html", context, block=part)


def ask(visit: Console, row: InvitationRow, found: recipient_changes.RecipientChanges) -> Response:
    """Ask which address to resend to, after the recipient's address has changed."""
    return render(visit.request, "admin/manage/invitations/changes.html", _context(row, found) | {"choose": True})


def _context(row: InvitationRow, found: recipient_changes.RecipientChanges) -> dict[str, object]:
    return {
        "since": found,
        "facts": FACTS,
        "person": row.person,
        "invitation": row,
        "new": {each.field: each.after for each in found.changes},
        "choose": False,
        "form_id": new_form_id(),
    }
