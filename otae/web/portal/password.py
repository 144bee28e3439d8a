"""The page of a password link, where a person chooses a password. Opening it changes nothing."""

from typing import Final

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.accounts import password_links
from otae.directory.local import person_fields
from otae.errors import DirectoryUnavailable, InputRefused
from otae.text import link_value
from otae.translatable import N_
from otae.web import refused_forms
from otae.web.forms import Form, InputRequired, PasswordField
from otae.web.page_language import use_person_language
from otae.web.pages import render
from otae.web.visits import Visit
from otae.words import gettext as _

TEMPLATE: Final = "portal/password.html"
#: The query of the page that confirms the new password: reloading it sends nothing again.
DONE: Final = "done=1"
CONTEXT: Final[dict[str, object]] = {"shortest": person_fields.SHORTEST_PASSWORD}


class PasswordForm(Form):
    """The new password, twice."""

    password = PasswordField(N_("New password"), [InputRequired(N_("Choose a password."))])
    again = PasswordField(N_("The same password again"), [InputRequired(N_("Enter the password a second time."))])


async def blank(visit: Visit) -> Response:
    """Show the form, or that the password was set; PasswordLinkUnknown when the link no longer works."""
    if visit.request.url.query == DONE:
        return render(visit.request, TEMPLATE, CONTEXT | {"form": None, "person": None})
    return await _ask(visit, await refused_forms.take(visit, PasswordForm) or PasswordForm())


async def choose(visit: Visit) -> Response:
    """Set the password; the link works once."""
    await _known_context(visit)
    form = await PasswordForm.read(visit.request)
    if form.validate() and form.password.data != form.again.data:
        form.again.errors = [_("The two passwords differ.")]
    if form.all_errors:
        return await _refuse(visit, form)
    try:
        await password_links.use(visit.desk, _token(visit), form.password.data, now=visit.now)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _refuse(visit, form)
    except DirectoryUnavailable as refusal:
        form.form_errors.append(_(refusal.words))
        return await _refuse(visit, form, status=503)
    return RedirectResponse(f"{paths.PASSWORD}?{DONE}", 303)


async def _ask(visit: Visit, form: PasswordForm) -> Response:
    context = await _known_context(visit) | {"form": form}
    return render(visit.request, TEMPLATE, context, status=form.status, headers=form.headers)


async def _refuse(visit: Visit, form: PasswordForm, *, status: int = 422) -> Response:
    """Redirect to the form, unless the link has ended meanwhile."""
    await _known_context(visit)
    return await refused_forms.redirect_back(visit, form, status=status)


async def _known_context(visit: Visit) -> dict[str, object]:
    """Return what the page of a link shows, in its person's language; PasswordLinkUnknown when it no longer works."""
    person = await password_links.find(_token(visit), now=visit.now)
    use_person_language(visit.request, person.language)
    return CONTEXT | {"person": person}


def _token(visit: Visit) -> str:
    return link_value(visit.request.query_params.get("s", ""))
