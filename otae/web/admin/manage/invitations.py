"""Manage → Invitations: the form that invites one person."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from otae import paths
from otae.directory.local.people import list_people
from otae.directory.reach import Reach
from otae.errors import InputRefused, StaleState
from otae.invitations import channels, lifecycle, orders, previews, submissions
from otae.invitations.details import InvitationRow
from otae.invitations.modes import default_mode, enabled_modes, title_of
from otae.invitations.previews import InvitationPreview
from otae.store.mode_table import Mode
from otae.translatable import N_
from otae.web.admin import remedies
from otae.web.admin.manage import invitation, picker
from otae.web.admin.manage.statuses import OWNERSHIPS
from otae.web.admin.manage.waiting_for import factors
from otae.web.admin.settings.catcher import POLICY
from otae.web.admin.terms_form import PIN_CHANNELS_SENT, TermsForm
from otae.web.forms import BooleanField, HiddenField, sent_fields
from otae.web.guards import wrong_role
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import language

HOUR: Final = timedelta(hours=1)


class InvitationForm(TermsForm):
    """The form for one person.

    ``despite`` is the id of a person who is to be invited although they have a pending invitation.
    """

    despite = HiddenField()
    show_pin = BooleanField(N_("Show me the PIN once"))


async def blank(visit: Console) -> Response:
    """Show an empty form; the address may name the recipient."""
    recipient = visit.request.query_params.get("recipient", "")[:201]
    chosen = {"form_id": str(uuid4()), "mode": (await default_mode()).name, "recipient": recipient}
    form = await InvitationForm(data=chosen).prepare()
    return await _show(visit, form)


async def add(visit: Console) -> Response:
    """Invite a person; the same form sent twice invites once."""
    form = await (await InvitationForm.read(visit.request)).prepare()
    if not visit.may("invitation.secret") and (form.show_pin.data or await _is_by_hand(form)):
        raise wrong_role()
    live: list[InvitationRow] = []
    if form.validate():
        order = _order(form, visit.reach)
        try:
            async with submissions.once(_form_id(form), now=visit.now):
                live = await lifecycle.live_invitations(visit.desk, order, now=visit.now)
                _refuse_second(live, form)
                created = await lifecycle.create(visit.desk, order, now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
            form.remedies = await remedies.of_invitation(visit, order, refusal.fields)
        except StaleState:
            return redirect(paths.INVITATIONS, "info", _("This form was sent already; here is what came of it."))
        else:
            where = paths.INVITATION(created.invitation.id)
            if created.pin:
                return await invitation.show_once(visit, created, _("The invitation was created."))
            return redirect(where, "success", _("The invitation was created."))
    return await _show(visit, form, live=live, status=422)


def _refuse_second(live: Sequence[InvitationRow], form: InvitationForm) -> None:
    """Raise InputRefused unless the form confirms that a person with a pending invitation gets another."""
    if live and form.despite.data != str(live[0].person_id):
        raise InputRefused({})


async def _is_by_hand(form: InvitationForm) -> bool:
    """Return whether the PIN would be shown to the administrator who sends this form."""
    policy = (await channels.policies()).get(form.mode.data or "", "")
    return (policy or form.pin_channel.data) in channels.BY_HAND


async def draft(visit: Console) -> Response:
    """Show the form with what was entered and its summary; for the form itself the summary alone."""
    form = await (await InvitationForm.read(visit.request)).prepare()
    return await _show(visit, form, block="summary" if is_fragment_request(visit.request) else None)


async def draft_mail(visit: Console) -> Response:
    """Return a message of the invitation that is being entered, for the frame beside the form."""
    form = await (await InvitationForm.read(visit.request)).prepare()
    return await message_page(visit, await _preview(visit, form))


async def message_page(visit: Console, shown: InvitationPreview | None) -> Response:
    """Return the message of ``shown`` whose button was pressed, as a page for a sandboxed frame."""
    number = int((await sent_fields(visit.request)).get("message") == "pin")
    messages = shown.messages[number : number + 1] if shown else []
    text = messages[0].text if messages else _("Nothing is sent.")
    page = Markup('<!doctype html><html lang="{}"><title>{}</title><pre>{}</pre>').format(language(), "otae", text)
    headers = {"Content-Security-Policy": POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse((messages[0].page if messages else "") or page, headers=headers)


async def _preview(visit: Console, form: InvitationForm) -> InvitationPreview | None:
    user = picker.with_domain(form.recipient.data or "", form.domain.data or "")
    return await previews.preview(visit.desk, form.terms(), user, now=visit.now, actor=visit.actor, reach=visit.reach)


async def people(visit: Console) -> Response:
    """Return the people who match the text being typed, as choices for the field."""
    return await _show(visit, await InvitationForm().prepare(), block="people")


async def _show(
    visit: Console,
    form: InvitationForm,
    *,
    live: Sequence[InvitationRow] = (),
    status: int = 200,
    block: str | None = None,
) -> Response:
    if not visit.may("invitation.secret"):
        form.pin_channel.choices = PIN_CHANNELS_SENT
    asked = visit.request.query_params if block else {"recipient": form.recipient.data, "domain": form.domain.data}
    people = await picker.people(visit, asked.get("recipient") or "", asked.get("domain") or "")
    context = {
        "form": form,
        "live": live,
        "shown": None if block == "people" else await _preview(visit, form),
        "draft": paths.INVITATION_PREVIEW,
        "draft_mail": paths.INVITATION_PREVIEW_MAIL,
        "ownerships": OWNERSHIPS,
        "title_of": title_of,
        "people": people,
        "modes": {mode.name: mode for mode in await enabled_modes()},
        "mode_summary": mode_summary,
        "any_person": len(form.domain.choices) > 1 or bool(await list_people(limit=1, reach=visit.reach)),
    }
    return render(visit.request, "admin/manage/invitations/add.html", context, status=status, block=block)


def mode_summary(mode: Mode) -> str:
    """Return what a person needs for ``mode`` and how long the invitation is valid, in a sentence."""
    needs = _("The person needs %s.") % _join_and(factors(mode))
    lasts = (
        _("Valid for %d hours") % (mode.valid_for // HOUR) if mode.valid_for else _("Valid until it is used or revoked")
    )
    values = {"tries": mode.max_tries, "length": mode.pin_length}
    if mode.pin_letters:
        tries = _("; %(tries)d tries for a PIN of %(length)d letters and digits") % values
    else:
        tries = _("; %(tries)d tries for a PIN of %(length)d digits") % values
    return f"{needs} {lasts}{tries if mode.secret else ''}."


def _join_and(words: Iterable[str]) -> str:
    *first, last = words
    return _("%(first)s and %(last)s") % {"first": ", ".join(first), "last": last} if first else last


def _order(form: InvitationForm, reach: Reach) -> orders.InvitationOrder:
    user = picker.with_domain(form.recipient.data, form.domain.data)
    return orders.InvitationOrder(user, form.terms(), form.show_pin.data, reach=reach)


def _form_id(form: InvitationForm) -> UUID:
    """Return the form's id; a random one when the form has none."""
    try:
        return UUID(form.form_id.data or "")
    except ValueError:
        return uuid4()
