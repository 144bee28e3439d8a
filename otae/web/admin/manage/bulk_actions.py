"""What can be done to several invitations of the list at once."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae.invitations import bulk_actions
from otae.invitations.bulk_actions import Outcome
from otae.web.failures import Failure
from otae.web.forms import sent_fields
from otae.web.guards import Console, wrong_role
from otae.web.pages import go
from otae.words import gettext as _
from otae.words import ngettext

LIST: Final = "/admin/invitations"
#: What each change takes; the list's address itself takes only what seeing it does.
NEEDED: Final = {"resend": "invitation.notify", "extend": "invitation.notify", "revoke": "invitation.revoke"}
#: Refusals that are told in full; of more there is the number.
TOLD: Final = 3


async def change(visit: Console) -> Response:
    """Send again, extend or revoke those that were selected, and go back to the list."""
    sent = await sent_fields(visit.request)
    what, back = str(sent.get("what", "")), str(sent.get("back", ""))
    if what not in bulk_actions.CHANGES:
        raise Failure(400, _("This cannot be done to a list."), "change-unknown")
    if not visit.may(NEEDED[what]):
        raise wrong_role()
    where = back if back == LIST or back.startswith(f"{LIST}?") else LIST
    ids = [found for each in sent.getlist("id") if (found := _uuid(str(each)))]
    if not ids:
        return go(where, "warning", _("Nothing was selected."))
    outcome = await bulk_actions.change(visit.desk, what, ids, now=visit.now, actor=visit.actor, reach=visit.reach)
    return go(where, "warning" if outcome.refused or outcome.unreachable else "success", _words(what, outcome))


def _words(what: str, outcome: Outcome) -> str:
    done = {
        "resend": ngettext("%d invitation was sent again.", "%d invitations were sent again.", outcome.done),
        "extend": ngettext(
            "%d invitation has its mode's whole time again.",
            "%d invitations have their mode's whole time again.",
            outcome.done,
        ),
        "revoke": ngettext("%d invitation was revoked.", "%d invitations were revoked.", outcome.done),
    }[what] % outcome.done
    told = [_("Not %(name)s: %(why)s") % {"name": name, "why": why} for name, why in outcome.refused[:TOLD]]
    more = len(outcome.refused) - TOLD
    rest = [ngettext("And %d more.", "And %d more.", more) % more] if more > 0 else []
    away = [
        _("The directory %s did not answer: its people got theirs as last known.") % each
        for each in outcome.unreachable
    ]
    return " ".join([done, *told, *rest, *away])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
