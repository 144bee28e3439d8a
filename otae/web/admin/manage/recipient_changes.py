"""What changed about a recipient since the invitation: asked for by the invitation's page once it is shown."""

from typing import Final

from starlette.responses import Response

from otae.invitations import recipient_changes
from otae.invitations.details import InvitationRow, read
from otae.web.admin.page_parts import found, new_form_id
from otae.web.guards import Console
from otae.web.pages import render, wants_part
from otae.words import gettext as _

#: What is compared → its word.
FACTS: Final = {"display_name": _("Name"), "email": _("E-mail"), "phone": _("Phone")}


async def show(visit: Console) -> Response:
    """Say what changed; the part alone for the invitation's page, which then needs no directory to be shown."""
    row = found(await read(visit.request.path_params["id"], visit.reach)).invitation
    context = _context(row, await recipient_changes.compare(visit.desk, row, now=visit.now))
    part = "changes" if wants_part(visit.request) else None
    return render(visit.request, "admin/manage/invitations/changes.html", context, block=part)


def ask(visit: Console, row: InvitationRow, found: recipient_changes.RecipientChanges) -> Response:
    """Ask where to send an invitation again whose person is reached otherwise now."""
    return render(visit.request, "admin/manage/invitations/changes.html", _context(row, found) | {"choose": True})


def _context(row: InvitationRow, found: recipient_changes.RecipientChanges) -> dict[str, object]:
    return {
        "since": found,
        "facts": FACTS,
        "person": row.person,
        "invitation": row,
        "new": {each.field: each.after for each in found.changes},
        "address": f"/admin/invitations/{row.id}",
        "choose": False,
        "form_id": new_form_id(),
    }
