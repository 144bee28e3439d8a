"""Bulk actions on invitations of the list: those selected, those of the page, or all that match its filters."""

from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from starlette.datastructures import FormData, QueryParams
from starlette.responses import Response

from otae import paths
from otae.invitations import bulk_actions, listing
from otae.invitations.bulk_actions import Outcome
from otae.translatable import N_
from otae.web import questions
from otae.web.admin.manage.deletions import undo_of
from otae.web.admin.manage.invitation_list import filters_of, read_query
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.failures import Failure
from otae.web.forms import sent_fields
from otae.web.guards import wrong_role
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext, tally

#: What is asked before an action.
QUESTIONS: Final = {
    "resend": N_("The PINs sent before stop working; messages still waiting are not sent."),
    "extend": N_("They get their mode's whole time again, from now on."),
    "revoke": N_("Their links and PINs stop working at once, for good, and Macs on their way are stopped."),
    "delete": N_("They are removed for good, with their messages and timelines. Macs and the audit log stay."),
}
#: Actions that are asked about even when they concern few; of the others one takes nothing away, one can be undone.
ASKED: Final = frozenset({"resend", "revoke"})
#: Titles of the page of a job.
TITLES: Final = {
    "resend": N_("Sending invitations again"),
    "extend": N_("Extending invitations"),
    "revoke": N_("Revoking invitations"),
    "delete": N_("Deleting invitations"),
}
#: How many refusals are shown in full; the rest are counted.
SHOWN_REFUSALS: Final = 3


async def change(visit: Console) -> Response:
    """Change the selected invitations, many of them by a worker, and redirect to the list or to the page of the job."""
    sent = await sent_fields(visit.request)
    what, back = str(sent.get("what", "")), str(sent.get("back", ""))
    if what not in bulk_actions.CHANGES:
        raise Failure(400, _("This cannot be done to a list."), "change-unknown")
    if not visit.may(bulk_actions.NEEDED[what]):
        raise wrong_role()
    where = back if back == paths.INVITATIONS or back.startswith(f"{paths.INVITATIONS}?") else paths.INVITATIONS
    ids = await _selected(visit, sent, where)
    if not ids:
        return redirect(where, "warning", _("Nothing was selected."))
    many, number = len(ids) > bulk_actions.AT_ONCE, str(sent.get("number", len(ids)))
    answered = await questions.is_answered(visit) and number == str(len(ids))
    if (many or what in ASKED) and not answered:
        changed = _("The list has changed meanwhile.") + " " if await questions.is_answered(visit) else ""
        return await questions.ask(visit, changed + _question(what, len(ids)), _button(what, len(ids)), number=len(ids))
    if is_fragment_request(visit.request):
        return Response(status_code=204)  # there is no question: the browser sends the form
    if many:
        job = await bulk_actions.order(
            visit.desk, what, ids, now=visit.now, actor=visit.actor, maker_id=visit.administrator.id
        )
        return redirect(paths.INVITATIONS_JOB(job))
    outcome = await bulk_actions.change(visit.desk, what, ids, now=visit.now, actor=visit.actor, reach=visit.reach)
    kind = "warning" if outcome.refused or outcome.unreachable else "success"
    undo = undo_of(outcome.deletion_id) if what == "delete" and outcome.done else None
    return redirect(where, kind, _words(what, outcome), undo=undo)


async def _selected(visit: Console, sent: FormData, where: str) -> list[UUID]:
    """Return the ids of those selected: all that match the list's address ``where``, all of the page, or some."""
    scope = sent.getlist("scope")
    if "all" in scope:
        status, filters = filters_of(read_query(QueryParams(urlsplit(where).query)), visit.now)
        return await listing.ids(status, filters, visit.reach, bulk_actions.MOST)
    found = [_uuid(str(each)) for each in sent.getlist("shown" if "page" in scope else "id")]
    return list(dict.fromkeys(each for each in found if each))


def _question(what: str, count: int) -> str:
    if count < bulk_actions.MOST:
        return _(QUESTIONS[what])
    most = _("At most %(count)s are changed at once: the newest.") % {"count": tally(count)}
    return f"{_(QUESTIONS[what])} {most}"


def _button(what: str, count: int) -> str:
    """Return the words of the button that goes on."""
    return {
        "resend": ngettext("Send %s invitation again", "Send %s invitations again", count),
        "extend": ngettext("Extend %s invitation", "Extend %s invitations", count),
        "revoke": ngettext("Revoke %s invitation", "Revoke %s invitations", count),
        "delete": ngettext("Delete %s invitation", "Delete %s invitations", count),
    }[what] % tally(count)


def done_words(what: str, count: int) -> str:
    """Return how many invitations were changed, in a sentence."""
    return {
        "resend": ngettext("%d invitation was sent again.", "%d invitations were sent again.", count),
        "extend": ngettext(
            "%d invitation has its mode's whole time again.",
            "%d invitations have their mode's whole time again.",
            count,
        ),
        "revoke": ngettext("%d invitation was revoked.", "%d invitations were revoked.", count),
        "delete": ngettext("%d invitation was deleted.", "%d invitations were deleted.", count),
    }[what] % count


def _words(what: str, outcome: Outcome) -> str:
    reasons = [
        _("Not %(name)s: %(why)s") % {"name": name, "why": _(why)} for name, why in outcome.refused[:SHOWN_REFUSALS]
    ]
    more = len(outcome.refused) - SHOWN_REFUSALS
    rest = [ngettext("And %d more.", "And %d more.", more) % more] if more > 0 else []
    unreachable = [
        _("The directory %s did not answer: its people got theirs as last known.") % each
        for each in outcome.unreachable
    ]
    return " ".join([done_words(what, outcome.done), *reasons, *rest, *unreachable])


async def job(visit: Console) -> Response:
    """Show how far the worker is with many invitations; the page polls until all were tried."""
    progress = or_not_found(await bulk_actions.find_progress(row_id(visit.request), visit.actor))
    context = {
        "progress": progress,
        "title": TITLES[progress.action],
        "done": done_words(progress.action, progress.done),
        "here": paths.INVITATIONS_JOB(row_id(visit.request)),
    }
    block = "progress" if is_fragment_request(visit.request) else None
    return render(visit.request, "admin/manage/invitations/job.html", context, block=block)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
