"""Deleting one invitation that has ended, and undoing a deletion."""

from uuid import UUID, uuid4

from starlette.responses import Response

from otae import paths
from otae.errors import Refusal, StaleState
from otae.invitations import deletion, details
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.pages import redirect
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext


def undo_of(deletion_id: UUID) -> tuple[str, str]:
    """Return the address that undoes a deletion, and the words of its button."""
    return paths.INVITATION_DELETION_UNDO(deletion_id), _("Undo (10 seconds)")


async def delete(visit: Console) -> Response:
    """Delete an invitation, and redirect to the list."""
    found = or_not_found(await details.read(row_id(visit.request), visit.reach))
    row, deletion_id = found.invitation, uuid4()
    try:
        await deletion.delete(visit.desk, row, now=visit.now, actor=visit.actor, deletion_id=deletion_id)
    except StaleState:
        return redirect(paths.INVITATION(row.id), "warning", _("The invitation has changed meanwhile."))
    except Refusal as refusal:
        return redirect(paths.INVITATION(row.id), "danger", _(refusal.words))
    words = _("The invitation of %(name)s was deleted.") % {"name": row.person.display_name}
    return redirect(paths.INVITATIONS, "success", words, undo=undo_of(deletion_id))


async def undo(visit: Console) -> Response:
    """Show the invitations of a deletion again."""
    number = await deletion.undo(row_id(visit.request), now=visit.now, actor=visit.actor, reach=visit.reach)
    if not number:
        return redirect(paths.INVITATIONS, "warning", _("It is too late to undo this: they were removed."))
    words = ngettext("%d invitation is back.", "%d invitations are back.", number) % number
    return redirect(paths.INVITATIONS, "success", words)
