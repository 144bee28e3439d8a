"""Where a one-time link leads: the person chooses a password. Looking at the page changes nothing."""

from typing import Final

from starlette.responses import Response

from otae.directory import facts, password_links
from otae.errors import InputRefused, SlowDown
from otae.store import properties
from otae.web.forms import Form, InputRequired, PasswordField
from otae.web.guards import Visit
from otae.web.pages import render
from otae.words import gettext as _

TEMPLATE: Final = "portal/password.html"


class PasswordForm(Form):
    """A password, twice."""

    password = PasswordField(_("New password"), [InputRequired(_("Choose a password."))])
    again = PasswordField(_("The same password again"), [InputRequired(_("Enter the password a second time."))])


async def blank(visit: Visit) -> Response:
    """Ask for a password; PasswordLinkUnknown when the link works no more."""
    return await _ask(visit, PasswordForm())


async def choose(visit: Visit) -> Response:
    """Take the password, once."""
    form = await PasswordForm.read(visit.request)
    if form.validate() and form.password.data != form.again.data:
        form.again.errors = [_("The two passwords differ.")]
    if form.all_errors:
        return await _ask(visit, form, status=422)
    try:
        await password_links.use(visit.desk, _token(visit), form.password.data, now=visit.now)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _ask(visit, form, status=422)
    except SlowDown as refusal:
        form.form_errors.append(_(refusal.words))
        return await _ask(visit, form, status=429)
    return render(visit.request, TEMPLATE, await _context() | {"form": None, "person": None})


async def _ask(visit: Visit, form: PasswordForm, *, status: int = 200) -> Response:
    person = await password_links.find(_token(visit), now=visit.now)
    return render(visit.request, TEMPLATE, await _context() | {"form": form, "person": person}, status=status)


async def _context() -> dict[str, object]:
    return {"organization": await properties.word("organization.name"), "shortest": facts.SHORTEST_PASSWORD}


def _token(visit: Visit) -> str:
    return visit.request.query_params.get("s", "")
