"""The page at /go: a code from another device opens its invitation in this browser (docs/adr/0036)."""

from typing import Final

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.enrollment import code_entry
from otae.errors import Refusal
from otae.invitations import go_codes
from otae.translatable import N_
from otae.web import cookie_check, refused_forms
from otae.web.failures import page_status
from otae.web.forms import Form, InputRequired, Length, StringField, sent_fields
from otae.web.pages import render
from otae.web.portal import login, other_device
from otae.web.visits import Visit
from otae.words import gettext as _

TEMPLATE: Final = "portal/go.html"


class CodeForm(Form):
    """The code, however it is written."""

    code = StringField(N_("Code"), [InputRequired(N_("Please enter the code.")), Length(max=login.LONGEST)])


async def show(visit: Visit) -> Response:
    """Show the form for a code; on another device, that it is typed on a Mac."""
    if answer := other_device.said(visit.request):
        return answer
    if other_device.is_other(visit.request):
        return await other_device.render_page(visit)
    form = await refused_forms.take(visit, CodeForm) or CodeForm()
    context = {"form": form, "may_be_ipad": other_device.may_be_ipad(visit.request)}
    return render(visit.request, TEMPLATE, context, status=form.status, headers=form.headers)


async def enter(visit: Visit) -> Response:
    """Open the invitation of a code in this browser; whatever is wrong with a code, it is refused alike."""
    form = await CodeForm.read(visit.request)
    entered = go_codes.normalized(form.code.data or "")
    if form.validate() and not entered:
        form.code.errors = [_("A code has eight letters, on a card twelve, none of them A, E, I, O, U or Y.")]
    if form.all_errors:
        return await refused_forms.redirect_back(visit, form)
    try:
        invitation = await code_entry.enter(visit.desk, entered, network=visit.request.state.network, now=visit.now)
    except Refusal as refusal:
        form.form_errors.append(_(refusal.words))
        wait = getattr(refusal, "seconds", 0)
        return await refused_forms.redirect_back(visit, form, status=page_status(refusal), retry_after=wait)
    response = cookie_check.redirect(visit.request, paths.LOGIN)
    return await login.set_link_cookies(visit, response, f"{login.BY_CODE}{invitation.id}")


async def make(visit: Visit) -> Response:
    """Make a code for the invitation whose link was opened here; the page shows it after the redirect."""
    response = RedirectResponse(paths.LOGIN, 303)
    link = await login.find_link(visit, await login.token_sent(visit, await sent_fields(visit.request)))
    if link is None or link.by_code or link.page.refusal is not None:
        return response
    code = await go_codes.make(visit.desk, link.page.invitation, now=visit.now)
    return await other_device.keep_code(visit, response, link.page, code) if code else response
