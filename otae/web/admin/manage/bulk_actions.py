"""Bulk actions on the selected invitations of the list."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.invitations import bulk_actions
from otae.invitations.bulk_actions import Outcome
from otae.translatable import N_
from otae.web import questions
from otae.web.failures import Failure
from otae.web.forms import sent_fields
from otae.web.guards import wrong_role
from otae.web.pages import redirect
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext

#: Permission for each action; the list's address itself takes only the one to see it.
NEEDED: Final = {"resend": "invitation.notify", "extend": "invitation.notify", "revoke": "invitation.revoke"}
#: What is asked before an action; one that takes nothing away is not asked about.
QUESTIONS: Final = {
    "resend": N_("The PINs sent before stop working; messages still waiting are not sent."),
    "revoke": N_("Their links and PINs stop working at once, for good, and Macs on their way are stopped."),
}
#: How many refusals are shown in full; the rest are counted.
SHOWN_REFUSALS: Final = 3


async def change(visit: Console) -> Response:
    """Resend, extend or revoke the selected invitations, and redirect to the list."""
    sent = await sent_fields(visit.request)
    what, back = str(sent.get("what", "")), str(sent.get("back", ""))
    if what not in bulk_actions.CHANGES:
        raise Failure(400, _("This cannot be done to a list."), "change-unknown")
    if not visit.may(NEEDED[what]):
        raise wrong_role()
    where = back if back == paths.INVITATIONS or back.startswith(f"{paths.INVITATIONS}?") else paths.INVITATIONS
    ids = [found for each in sent.getlist("id") if (found := _uuid(str(each)))]
    if not ids:
        return redirect(where, "warning", _("Nothing was selected."))
    if what in QUESTIONS and not await questions.is_answered(visit):
        return await questions.ask(visit, _(QUESTIONS[what]), _button(what, len(ids)))
    outcome = await bulk_actions.change(visit.desk, what, ids, now=visit.now, actor=visit.actor, reach=visit.reach)
    return redirect(where, "warning" if outcome.refused or outcome.unreachable else "success", _words(what, outcome))


def _button(what: str, count: int) -> str:
    """Return the words of the button that goes on."""
    if what == "resend":
        return ngettext("Send %d invitation again", "Send %d invitations again", count) % count
    return ngettext("Revoke %d invitation", "Revoke %d invitations", count) % count


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
    reasons = [
        _("Not %(name)s: %(why)s") % {"name": name, "why": _(why)} for name, why in outcome.refused[:SHOWN_REFUSALS]
    ]
    more = len(outcome.refused) - SHOWN_REFUSALS
    rest = [ngettext("And %d more.", "And %d more.", more) % more] if more > 0 else []
    unreachable = [
        _("The directory %s did not answer: its people got theirs as last known.") % each
        for each in outcome.unreachable
    ]
    return " ".join([done, *reasons, *rest, *unreachable])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
