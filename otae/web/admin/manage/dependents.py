"""Sends again the pending invitations that use what was changed: a template, a server, a mode, the authority."""

from typing import Final, get_args
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.invitations import bulk_actions
from otae.overview import dependents
from otae.overview.dependents import Resendable
from otae.store.mode_table import MODES
from otae.web import questions
from otae.web.admin.manage.bulk_actions import done_words
from otae.web.failures import NotFound
from otae.web.forms import sent_fields
from otae.web.pages import is_fragment_request, redirect
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext, tally

KINDS: Final[tuple[Resendable, ...]] = get_args(Resendable)


async def resend(visit: Console) -> Response:
    """Send again the pending invitations that use the object, after a question that counts them."""
    kind, which = _object(visit)
    ids = await dependents.pending_ids(kind, which, reach=visit.reach)
    if ids is None:
        raise NotFound
    if not ids:
        return redirect(paths.INVITATIONS, "info", _("No invitation is pending."))
    counted = (await sent_fields(visit.request)).get("number") == str(len(ids))
    if not (counted and await questions.is_answered(visit)):
        words = ngettext("Send %s invitation again", "Send %s invitations again", len(ids)) % tally(len(ids))
        question = _("Only those that are still pending get it again; links sent before stay valid, PINs change.")
        return await questions.ask(visit, question, words, number=len(ids))
    if is_fragment_request(visit.request):
        return Response(status_code=204)  # there is no question: the browser sends the form
    if len(ids) > bulk_actions.AT_ONCE:
        job = await bulk_actions.order(
            visit.desk, "resend", ids, now=visit.now, actor=visit.actor, maker_id=visit.administrator.id
        )
        return redirect(paths.INVITATIONS_JOB(job))
    outcome = await bulk_actions.change(visit.desk, "resend", ids, now=visit.now, actor=visit.actor, reach=visit.reach)
    left = len(ids) - outcome.done
    kept = ngettext("%(num)d was not.", "%(num)d were not.", left) % {"num": left}
    words = " ".join([done_words("resend", outcome.done), *([kept] if left else [])])
    return redirect(paths.INVITATIONS(status="pending"), "warning" if left else "success", words)


def _object(visit: Console) -> tuple[Resendable, str]:
    """Return kind and id of the object in the address. Raises NotFound for one that there is not."""
    kind, which = (visit.request.path_params[name] for name in ("kind", "which"))
    known = {"mode": which in MODES, "authority": which == "root"}
    if kind not in KINDS or not known.get(kind, _is_id(which)):
        raise NotFound
    return kind, which


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
